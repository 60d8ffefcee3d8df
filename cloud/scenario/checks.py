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
"""What has to hold after a recovery; pure comparisons of facts."""

import dataclasses

from cloud.scenario import facts


@dataclasses.dataclass(frozen=True)
class Result:
    """One check.

    :ivar what: what was checked
    :ivar passed: whether it holds
    :ivar detail: what was seen
    """

    what: str
    passed: bool
    detail: str = ''


def recovered(case: facts.Case, before: facts.Facts, now: facts.Facts,
              site: str) -> list[Result]:
    """A volume whose server has to use a site now.

    :param case: the server and its volume
    :param before: the facts before the failover
    :param now: the present ones
    :param site: the site that is active
    :returns: the checks
    """
    name = f'({case.key}) {case.role}'
    results = [*consistent(case, now, site), *kept(case, before, now)]
    if now.status == 'ACTIVE':
        results += [
            Result(f'{name}: the guest reads {site}', now.site == site,
                   now.site),
            Result(f'{name}: the guest writes', now.writable, now.site)]
        if before.guest_name:
            results += [
                _same(name, 'name in the guest', before, now, 'guest_name'),
                _same(name, 'PCI address in the guest', before, now, 'pci')]
    return results


def replicated(case: facts.Case, now: facts.Facts, writer: str) -> Result:
    """What the guest found on the disk is what was written before.

    :param case: the server and its volume
    :param now: the present facts
    :param writer: boot id of the kernel that wrote last
    :returns: the check
    """
    return Result(f'({case.key}) {case.role}: what was written before is '
                  'there', now.prev.split(':')[0] == writer,
                  f'{writer} {now.prev}')


def usable(case: facts.Case, dead: facts.Facts,
           now: facts.Facts) -> list[Result]:
    """The guest's own file system works, and has lost nothing.

    :param case: the server and its volume
    :param dead: the facts from when the file system did not work
    :param now: the present ones
    :returns: the checks
    """
    name = f'({case.key}) {case.role}'
    last, mount = dead.mount, now.mount
    if not last or not mount:
        return [Result(f'{name}: has a file system', False,
                       f'{last} -> {mount}')]
    # The write after the last that came back may be on the disk as well.
    kept = mount.first in (last.count, last.count + 1)
    return [
        Result(f'{name}: file system works', mount.state == 'ok',
               mount.state),
        Result(f'{name}: same name of its disk', mount.mount == last.mount,
               f'{last.mount} -> {mount.mount}'),
        Result(f'{name}: its counter goes on', kept
               and mount.count > mount.first, f'{last} -> {mount}')]


def consistent(case: facts.Case, now: facts.Facts,
               site: str) -> list[Result]:
    """The records of a volume agree with each other, and name the site.

    :param case: the server and its volume
    :param now: the present facts
    :param site: the site that is active
    :returns: the checks
    """
    name = f'({case.key}) {case.role}'
    paths = [now.cinder_path, now.bdm_path]
    if now.status == 'ACTIVE':
        paths.append(now.xml_path)
    files = now.files[:len(paths)]
    return [
        Result(f'{name}: Cinder, Nova and libvirt agree',
               len(set(paths)) == 1 and bool(paths[0]), ' '.join(paths)),
        Result(f'{name}: the records name {site}',
               len(files) == len(paths)
               and all(f'/{site}/' in file for file in files),
               ' '.join(files)),
        Result(f'{name}: volume in-use', now.volume_status == 'in-use',
               now.volume_status),
        Result(f'{name}: attachment attached',
               now.attach_status == 'attached', now.attach_status)]


def kept(case: facts.Case, before: facts.Facts,
         now: facts.Facts) -> list[Result]:
    """What must not change when a volume is recovered.

    :param case: the server and its volume
    :param before: the facts before the failover
    :param now: the present ones
    :returns: the checks
    """
    name = f'({case.key}) {case.role}'
    results = [_same(name, 'attachment id', before, now, 'attachment'),
               _same(name, 'device name', before, now, 'device')]
    if now.status == 'ACTIVE' and before.xml_address:
        results.append(
            _same(name, 'address in the domain', before, now, 'xml_address'))
    return results


def untouched(case: facts.Case, before: facts.Facts,
              now: facts.Facts) -> list[Result]:
    """A volume, and a guest, that nobody may have disturbed.

    :param case: the server and its volume
    :param before: earlier facts
    :param now: the present ones
    :returns: the checks
    """
    name = f'({case.key}) {case.role}'
    names = {'boot': 'kernel boot id', 'seq': 'disk never replugged',
             'attachment': 'attachment id', 'site': 'site that it reads',
             'attach_status': 'status of the attachment',
             'bdm_path': 'path in the BDM', 'xml_path': 'path in the domain',
             'writable': 'writes', 'device': 'device name'}
    return [_same(name, text, before, now, key)
            for key, text in names.items()]


def _same(name: str, text: str, before: facts.Facts, now: facts.Facts,
          key: str) -> Result:
    """A fact that has to be what it was."""
    old, new = getattr(before, key), getattr(now, key)
    return Result(f'{name}: same {text}', old == new, f'{old} -> {new}')


def failures(results: list[Result]) -> list[str]:
    """What does not hold.

    :param results: checks
    :returns: a line for each that failed
    """
    return [f'{result.what}: {result.detail}' for result in results
            if not result.passed]
