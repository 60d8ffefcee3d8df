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


"""A failover as one HTML page, which needs nothing but itself.

::

    histories, problems = history.HistoryReader(size).servers(failover_id)
    data = report.collect(failover_id, histories, snapshot.take(...), problems)
    page = report.render(data)
"""

from nova_failover_ext.report import page as _page
from nova_failover_ext.report import report_data as _data

ReportData = _data.ReportData
collect = _data.collect


def render(data: ReportData) -> str:
    """Return the page.

    It has no script and refers to nothing outside. Every text in it is
    escaped, and scrubbed of secrets once more.

    :param data: see :func:`collect`
    :returns: HTML, to be written as UTF-8
    """
    return _page.render(data)
