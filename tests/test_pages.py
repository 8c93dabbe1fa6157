"""The pages of the repository: short, with links that lead somewhere, and with commands that are tested."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from tests.conftest import ROOT, composed

FOLDERS = ("", "conf", "grok", "notebooks", "results", "tests")
PAGES = sorted({page for name in FOLDERS for page in (ROOT / name).glob("**/*.md" if name else "*.md")})
COMMANDS = [
    (page, line)
    for page in PAGES
    for block in re.findall(r"^ *```\w*\n(.*?)^ *```$", page.read_text(), re.S | re.M)
    for line in block.splitlines()
    if "python train.py" in line and "(before studies" not in line and "results" not in page.parts
]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def first_value(override: Override) -> str:
    """The value of an override, or the first of those that it sweeps."""
    if override.is_interval_sweep():
        return str(override.value().start)
    if override.is_sweep_override():
        return next(iter(override.sweep_string_iterator()))
    return override.get_value_element_as_str()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        assert not Path(name).is_absolute(), f"{page}: {target}"
        found = page.parent / name if name else page
        assert found.exists(), f"{page}: {target} is missing"
        assert not heading or heading in anchors(found), f"{page}: {target} names no heading"


def test_the_readme_and_the_citation_name_the_works_of_all_studies():
    studies = [OmegaConf.load(path) for path in (ROOT / "conf" / "study").rglob("*.yaml")]
    works = {work for each in studies for work in OmegaConf.select(each, "study.papers", default=[])}
    readme = (ROOT / "README.md").read_text()
    links = dict(re.findall(r"\[([^\]]+)\]\((https://arxiv.org/abs/[^)]+)\)", readme))
    assert works and works <= links.keys()
    cited = {each["url"] for each in yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"]}
    reproduced = readme.split("## Citation")[1].split("; compared with")[0]
    assert all(url in cited for work, url in links.items() if work in works and work in reproduced)


def test_the_readme_has_at_most_200_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_a_page_installs_and_tests_as_the_ci_does(name):
    page, ci = (ROOT / name).read_text(), (ROOT / ".ci" / "run").read_text()
    (extras,) = re.findall(r"pip install --quiet (-c constraints.txt -e '.*?')", ci)
    (tests,) = re.findall(r"^pytest .*$", ci, re.M)
    assert f"pip install {extras}" in page and tests in page


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[command for _, command in COMMANDS])
def test_the_keys_of_every_command_on_a_page_exist(page, command):
    words = shlex.split(command.partition("python train.py ")[2])
    chosen = []
    for override in OverridesParser.create().parse_overrides([word for word in words if word != "-m"]):
        if not override.key_or_group.startswith("hydra"):
            chosen.append(f"{override.input_line.partition('=')[0]}={first_value(override)}")
    composed(*chosen)


def test_the_study_that_the_page_shows_runs(command, tmp_path):
    page = (ROOT / "conf" / "study" / "README.md").read_text()
    (example,) = re.findall(r"```yaml\n(# @package.*?)```", page, re.S)
    (tmp_path / "conf" / "study").mkdir(parents=True)
    (tmp_path / "conf" / "study" / "mine.yaml").write_text(example)
    arguments = (f"--config-dir={tmp_path / 'conf'}", "study=mine", "logger=none", "hydra.sweep.dir=sweep")
    assert command(*arguments, "scale=smoke")[0] in (0, None)
    assert (tmp_path / "sweep" / "figure.png").exists() and "not judged: too few steps" in command.output
