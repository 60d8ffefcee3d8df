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

"""Pauses of recoveries.

Revision ID: a4c1e7b92d50
Revises:
"""

from alembic import op
import sqlalchemy as sa

revision = 'a4c1e7b92d50'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, unless an upgrade was cut off after that."""
    # MySQL cannot roll a CREATE TABLE back.
    if sa.inspect(op.get_bind()).has_table('nova_failover_pauses'):
        return
    op.create_table(
        'nova_failover_pauses',
        sa.Column('backend', sa.String(255), primary_key=True),
        sa.Column('reason', sa.Text, nullable=False),
        sa.Column('user', sa.String(255), nullable=False),
        sa.Column('host', sa.String(255), nullable=False),
        sa.Column('since', sa.DateTime, nullable=False),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
