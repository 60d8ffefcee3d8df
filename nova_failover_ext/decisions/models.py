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

"""The tables in which decisions are kept.

Their names say whose they are: in a database that is shared by mistake, no
table of another service is touched.
"""

from typing import Any

from oslo_db.sqlalchemy import models
import sqlalchemy as sa
from sqlalchemy import orm

from nova_failover_ext.api import acts
from nova_failover_ext.api import decisions
from nova_failover_ext.api import exclusions

#: Where alembic notes the version of the schema; not its default name, which
#: is Nova's in Nova's databases.
VERSION_TABLE = 'nova_failover_alembic_version'

Base: Any = orm.declarative_base(cls=models.ModelBase)


class Pause(Base):
    """See :class:`nova_failover_ext.api.pauses.Pause`."""

    __tablename__ = 'nova_failover_pauses'
    __table_args__ = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}

    backend = sa.Column(sa.String(decisions.MOST_NAME), primary_key=True)
    reason = sa.Column(sa.Text, nullable=False)
    user = sa.Column(sa.String(decisions.MOST_NAME), nullable=False)
    host = sa.Column(sa.String(decisions.MOST_NAME), nullable=False)
    since = sa.Column(sa.DateTime, nullable=False)


class Exclusion(Base):
    """See :class:`nova_failover_ext.api.exclusions.Exclusion`."""

    __tablename__ = 'nova_failover_exclusions'
    __table_args__ = (
        # What nobody knows how to match would be ignored.
        sa.CheckConstraint("kind IN (%s) AND target <> ''" % ', '.join(
            "'%s'" % kind for kind in exclusions.Kind)),
        {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'})

    kind = sa.Column(sa.String(32), primary_key=True)
    target = sa.Column(sa.String(decisions.MOST_NAME), primary_key=True)
    name = sa.Column(sa.String(decisions.MOST_NAME), nullable=False)
    reason = sa.Column(sa.Text, nullable=False)
    user = sa.Column(sa.String(decisions.MOST_NAME), nullable=False)
    host = sa.Column(sa.String(decisions.MOST_NAME), nullable=False)
    since = sa.Column(sa.DateTime, nullable=False)
    until = sa.Column(sa.DateTime)


class Canaries(Base):
    """See :class:`nova_failover_ext.api.canaries.Canaries`.

    ``results`` is JSON: pairs of an outcome and a reason, by server.
    """

    __tablename__ = 'nova_failover_canaries'
    __table_args__ = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}

    backend = sa.Column(sa.String(decisions.MOST_NAME), primary_key=True)
    target = sa.Column(sa.String(decisions.MOST_NAME), nullable=False)
    results = sa.Column(sa.Text, nullable=False)
    paused = sa.Column(sa.Boolean, nullable=False)


class Act(Base):
    """See :class:`nova_failover_ext.api.acts.Act`."""

    __tablename__ = 'nova_failover_acts'
    __table_args__ = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}

    key = sa.Column(sa.String(36), primary_key=True)
    since = sa.Column(sa.DateTime, nullable=False, index=True)
    what = sa.Column(sa.String(32), nullable=False)
    subject = sa.Column(sa.String(acts.MOST_SUBJECT), nullable=False)
    who = sa.Column(sa.String(acts.MOST_WHO), nullable=False)
    reason = sa.Column(sa.Text, nullable=False)
