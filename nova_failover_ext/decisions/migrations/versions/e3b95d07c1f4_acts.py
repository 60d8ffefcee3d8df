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

"""What operators have done.

Revision ID: e3b95d07c1f4
Revises: c7f20d4a81e6
"""

from alembic import op
import sqlalchemy as sa

revision = 'e3b95d07c1f4'
down_revision = 'c7f20d4a81e6'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, unless an upgrade was cut off after that."""
    # MySQL cannot roll a CREATE TABLE back.
    if sa.inspect(op.get_bind()).has_table('nova_failover_acts'):
        return
    op.create_table(
        'nova_failover_acts',
        sa.Column('key', sa.String(36), primary_key=True),
        sa.Column('since', sa.DateTime, nullable=False, index=True),
        sa.Column('what', sa.String(32), nullable=False),
        sa.Column('subject', sa.String(512), nullable=False),
        sa.Column('who', sa.String(511), nullable=False),
        sa.Column('reason', sa.Text, nullable=False),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
