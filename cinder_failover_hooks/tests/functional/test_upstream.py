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

"""Reading Cinder's database: how much, and how often."""

import threading
from typing import Any
import uuid

from cinder import context
from cinder.db import api as db
from cinder import exception
from cinder.tests.unit import test
from cinder.tests.unit import utils
import ddt
import sqlalchemy

from cinder_failover_hooks import conf
from cinder_failover_hooks import retry
from cinder_failover_hooks.tests.functional import base
from cinder_failover_hooks.tests.functional import database
from cinder_failover_hooks import upstream


@ddt.ddt
class TestReading(test.TestCase):
    """Volumes are read in pages, with their attachments."""

    def setUp(self) -> None:
        """Count what is asked of the database."""
        self.useFixture(database.FileDatabase())
        super().setUp()
        self.admin = context.get_admin_context()
        conf.register_opts(base.CONF)
        self.retry = retry.Retry(base.CONF, threading.Event())
        self.queries: list[str] = []
        engine = database.engine()
        sqlalchemy.event.listen(
            engine, 'before_cursor_execute', self._count)
        self.addCleanup(sqlalchemy.event.remove, engine,
                        'before_cursor_execute', self._count)

    def _count(self, conn: Any, cursor: Any, statement: str,
               *args: Any) -> None:
        if statement.lstrip().upper().startswith('SELECT'):
            self.queries.append(statement)

    def _volume(self, host: str = base.BACKEND + '#pool',
                **kwargs: Any) -> Any:
        made = utils.create_volume(self.admin, host=host, status='in-use',
                                   testcase_instance=None, **kwargs)
        for _ in range(2):
            db.volume_attach(self.admin, {
                'volume_id': made.id, 'attached_host': 'cmp1',
                'instance_uuid': str(uuid.uuid4()),
                'attach_status': 'attached',
                'connection_info': '{"auth_password": "canary"}'})
        return made

    def _read(self, size: int, cluster: str | None = None) -> list[Any]:
        del self.queries[:]
        backend = upstream.CinderBackend(base.BACKEND, cluster)
        return list(backend.read_volumes(None, size, self.retry))

    @ddt.data((1, 100, 1), (3, 100, 1), (6, 100, 1),
              # The first page takes one, any other has a marker to look up.
              (2, 2, 1), (3, 2, 3), (5, 2, 5), (6, 2, 5))
    @ddt.unpack
    def test_queries_grow_with_pages_only(self, volumes: int, size: int,
                                          expected: int) -> None:
        """Never one query per volume or attachment."""
        made = {self._volume().id for _ in range(volumes)}
        found = self._read(size)
        self.assertEqual(sorted(made), [one.volume_id for one in found])
        self.assertEqual({2}, {len(one.attachments) for one in found})
        self.assertEqual(expected, len(self.queries))

    def test_only_the_volumes_of_the_backend(self) -> None:
        """In all its pools, but not those of other backends."""
        ours = {self._volume(base.BACKEND).id,
                self._volume(base.BACKEND + '#a').id}
        self._volume('ctl1@other#a')
        self._volume('ctl1@rbd2#a')
        self.assertEqual(ours, {one.volume_id for one in self._read(100)})

    def test_the_volumes_of_a_cluster(self) -> None:
        """Whichever member holds them."""
        ours = {self._volume('ctl2@rbd#a', cluster_name='cl@rbd#a').id}
        self._volume(base.BACKEND)
        self.assertEqual(ours, {
            one.volume_id for one in self._read(100, 'cl@rbd')})

    def test_a_volume_deleted_between_two_pages(self) -> None:
        """Even if it is the last one of a page."""
        made = sorted(self._volume().id for _ in range(4))
        found = []
        backend = upstream.CinderBackend(base.BACKEND, None)
        for one in backend.read_volumes(None, 2, self.retry):
            found.append(one.volume_id)
            if len(found) == 2:
                db.volume_destroy(self.admin, made[1])
                db.volume_destroy(self.admin, made[3])
        self.assertEqual(made[:3], found)

    def test_deleted_attachments_are_left_out(self) -> None:
        """They say nothing about any server."""
        made = self._volume()
        for row in db.volume_attachment_get_all_by_volume_id(
                self.admin, made.id)[:1]:
            db.attachment_destroy(self.admin, row.id)
        [found] = self._read(100)
        self.assertEqual(1, len(found.attachments))

    def test_no_secret_is_kept(self) -> None:
        """Connection info does not leave the row."""
        self._volume()
        self.assertNotIn('canary', str(self._read(100)))

    def test_a_service_that_is_not_there(self) -> None:
        """Cinder's own error."""
        missing = upstream.CinderBackend('ctl9@rbd', None)
        self.assertRaises(exception.ServiceNotFound, missing.read_state)
