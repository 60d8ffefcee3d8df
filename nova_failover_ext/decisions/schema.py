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

"""Brings the schema of the database up to date."""

import pathlib

from alembic import command
from alembic import config as alembic_config
import sqlalchemy as sa

_MIGRATIONS = pathlib.Path(__file__).with_name('migrations')


def upgrade(engine: sa.engine.Engine) -> None:
    """Apply the migrations that the database does not have yet.

    :param engine: connects to the database
    :raises sqlalchemy.exc.SQLAlchemyError: if the database cannot be used
    :raises alembic.util.CommandError: if its schema is of a newer release
    """
    config = alembic_config.Config()
    # A percent sign would be the beginning of a placeholder.
    config.set_main_option('script_location',
                           str(_MIGRATIONS).replace('%', '%%'))
    with engine.begin() as connection:
        config.attributes['connection'] = connection
        command.upgrade(config, 'head')
