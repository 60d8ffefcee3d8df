# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Canary servers of failovers.

Revision ID: c7f20d4a81e6
Revises: c7e2d94f1a38
"""

from alembic import op
import sqlalchemy as sa

revision = 'c7f20d4a81e6'
down_revision = 'c7e2d94f1a38'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, unless an upgrade was cut off after that."""
    # MySQL cannot roll a CREATE TABLE back.
    if sa.inspect(op.get_bind()).has_table('nova_failover_canaries'):
        return
    op.create_table(
        'nova_failover_canaries',
        sa.Column('backend', sa.String(255), primary_key=True),
        sa.Column('target', sa.String(255), nullable=False),
        sa.Column('results', sa.Text, nullable=False),
        sa.Column('paused', sa.Boolean, nullable=False),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
