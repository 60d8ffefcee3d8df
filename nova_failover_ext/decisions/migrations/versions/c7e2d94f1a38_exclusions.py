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

"""Exclusions from recovery.

Revision ID: c7e2d94f1a38
Revises: a4c1e7b92d50
"""

from alembic import op
import sqlalchemy as sa

revision = 'c7e2d94f1a38'
down_revision = 'a4c1e7b92d50'
branch_labels = None
depends_on = None

_KINDS = "'server', 'project', 'host', 'aggregate', 'availability-zone'"


def upgrade() -> None:
    """Create the table, unless an upgrade was cut off after that."""
    # MySQL cannot roll a CREATE TABLE back.
    if sa.inspect(op.get_bind()).has_table('nova_failover_exclusions'):
        return
    op.create_table(
        'nova_failover_exclusions',
        sa.Column('kind', sa.String(32), primary_key=True),
        sa.Column('target', sa.String(255), primary_key=True),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('reason', sa.Text, nullable=False),
        sa.Column('user', sa.String(255), nullable=False),
        sa.Column('host', sa.String(255), nullable=False),
        sa.Column('since', sa.DateTime, nullable=False),
        sa.Column('until', sa.DateTime),
        sa.CheckConstraint("kind IN (%s) AND target <> ''" % _KINDS),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
