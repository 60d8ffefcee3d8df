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
"""Render the configuration files from the templates."""

import pathlib
import typing

import jinja2

from cloud import settings

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(
        pathlib.Path(__file__).parent / 'templates'),
    undefined=jinja2.StrictUndefined, keep_trailing_newline=True,
    trim_blocks=True, lstrip_blocks=True)


def text_of(template: str, conf: settings.Settings,
            **values: typing.Any) -> str:
    """Fill a template in.

    :param template: name of the template, below ``cloud/templates``
    :param conf: the settings, ``s`` in the template
    :param values: more variables for the template
    :returns: the text
    """
    return _ENVIRONMENT.get_template(template).render(s=conf, **values)


def render(template: str, target: pathlib.Path, conf: settings.Settings,
           **values: typing.Any) -> pathlib.Path:
    """Write a file from a template.

    :param template: name of the template, below ``cloud/templates``
    :param target: the file to write
    :param conf: the settings, ``s`` in the template
    :param values: more variables for the template
    :returns: the file written
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text_of(template, conf, **values))
    target.chmod(0o640)
    return target
