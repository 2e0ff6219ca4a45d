"""The command line as a whole: what is listed, what is loaded for it, and what an installation without extras says."""

import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from typer.main import get_command

from governance.cli.commands import COMMANDS, EXTRAS
from governance.cli.main import build

BLOCK = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
"""Refuses the modules of every extra, as an installation without them does."""

LACKING = "needs an extra that is not installed: install Probity with its extra `{}`\n"

OPTIONAL = sorted({module for modules in EXTRAS.values() for module in modules})


def probity(*arguments: str, before: str = "", after: str = "") -> subprocess.CompletedProcess[str]:
    program = (
        f"{before}\nfrom governance.cli.main import main\ntry: main()\nfinally:\n    import sys\n    {after or 'pass'}"
    )
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)


def without_extras(*arguments: str, after: str = "") -> subprocess.CompletedProcess[str]:
    return probity(*arguments, before=BLOCK.format(modules=OPTIONAL), after=after)


def test_the_registry_says_of_each_command_what_its_own_help_says() -> None:
    program = get_command(build())

    assert set(program.commands) == {command.name for command in COMMANDS}
    for command in COMMANDS:
        assert " ".join(program.commands[command.name].help.split("\n\n")[0].split()) == command.help


def test_the_help_lists_every_command_and_loads_none_of_them() -> None:
    shown = probity("--help", after="print('loaded', sorted({'sqlalchemy', 'pydantic', 'pyarrow'} & set(sys.modules)))")

    assert shown.returncode == 0
    assert shown.stdout.endswith("loaded []\n")
    for command in COMMANDS:
        assert f"\n  {command.name} " in shown.stdout


def test_without_the_extras_the_same_commands_are_listed() -> None:
    assert without_extras("--help").stdout == probity("--help").stdout


@pytest.mark.parametrize(
    "arguments", [("train",), ("train", "--help"), ("rights", "list", "--json"), ("serve", "console")]
)
def test_a_command_whose_extra_is_absent_says_in_one_sentence_which_to_install(arguments: tuple[str, ...]) -> None:
    done = without_extras(*arguments)

    extra = "train" if arguments[0] == "train" else "server"
    sentence = f"probity: probity {arguments[0]} {LACKING.format(extra)}"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)


def test_a_module_that_no_extra_brings_is_a_fault_of_ours_and_no_advice_to_install() -> None:
    done = probity("status", before=BLOCK.format(modules=["yaml"]))

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert done.stderr.startswith("probity: something went wrong inside (ModuleNotFoundError at ")
    assert "install Probity" not in done.stderr


def test_what_nobody_expected_is_told_without_its_own_words_which_may_quote_a_row() -> None:
    fault = "import typer.main\ndef call(*_, **__): raise ZeroDivisionError('s17 watched i3')\n"

    done = probity("gate", "metrics", before=f"{fault}typer.main.Typer.__call__ = call")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert done.stderr.startswith("probity: something went wrong inside (ZeroDivisionError at ")
    assert "s17" not in done.stderr


def test_an_unknown_command_is_refused_without_loading_any() -> None:
    done = probity("relase", after="print(sorted({'sqlalchemy', 'pyarrow'} & set(sys.modules)))")

    assert done.returncode == 2
    assert "relase" in done.stderr
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("command", [("ledger", "verify"), ("attest", "verify"), ("gate",), ("gate", "check")])
def test_verifying_offline_and_judging_lists_need_no_extra(command: tuple[str, ...]) -> None:
    assert without_extras(*command, "--help").returncode == 0


def test_audits_of_anybodys_files_need_no_extra(tmp_path: Path) -> None:
    subjects = [f"s{at}" for at in range(40)]
    shown = [f"{s},x,film,{'ab'[at % 2]}" for at, s in enumerate(subjects)]
    for name, lines in {
        "impressions": ["subject,cohort,title,image", *shown],
        "images": ["title,image,category", "film,a,man", "film,b,woman"],
        "history": ["subject,item", *(f"{s},i{at % 5}" for at, s in enumerate(subjects))],
        "items": ["item,category", *(f"i{at},{'xy'[at % 2]}" for at in range(5))],
    }.items():
        (tmp_path / f"{name}.csv").write_text("\n".join([*lines, ""]))
    (tmp_path / "mine.py").write_text("def lists(history, rng):\n    return [[0, 1]] * history.shape[0]\n")
    place = {name: str(tmp_path / f"{name}.csv") for name in ("impressions", "images", "history", "items")}
    page = str(tmp_path / "page.html")
    artwork = without_extras(
        *("audit", "artwork", "--impressions", place["impressions"], "--images", place["images"]),
        *("--provenance", "studio metadata", "--image-gap", "0.4", "--report", page),
    )
    loop = probity(
        *("audit", "feedback", "--recommender", "mine:lists", "--history", place["history"]),
        *("--items", place["items"], "--rounds", "2", "--seeds", "2", "--report", page),
        before=BLOCK.format(modules=OPTIONAL) + f"import os; os.chdir({str(tmp_path)!r})",
    )

    assert (artwork.returncode, loop.returncode) == (0, 0)
    assert "Artwork: pass" in artwork.stdout
    assert "mine:lists" in (tmp_path / "page.html").read_text()


def test_of_the_loop_only_that_of_a_registered_model_needs_one() -> None:
    done = without_extras("audit", "feedback", "6f0d3b4e-52a1-4d3c-8b53-0a4d7f0b7f10")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"probity: this command {LACKING.format('server')}"


def test_of_the_gate_only_what_opens_a_home_needs_one() -> None:
    done = without_extras("gate", "run", "--model", "6f0d3b4e-52a1-4d3c-8b53-0a4d7f0b7f10")

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "probity: this command needs an extra that is not installed: install Probity with its extra `server`\n"
    )


def test_a_place_in_an_engine_says_which_extra_reads_it(tmp_path: Path) -> None:
    (tmp_path / "service.db").touch()
    (tmp_path / "items.csv").write_text("item,category\na,x\n")
    policy = Path(__file__).parents[2] / "policies" / "fairness.yaml"
    tables = ["--recommendations", f"duckdb://{tmp_path}/service.db#lists", "--items", str(tmp_path / "items.csv")]

    done = without_extras("gate", "check", *tables, "--policy", str(policy))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(LACKING.format("tables"))


def test_every_extra_in_the_packaging_is_one_that_the_command_line_knows() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    brought = {module: {_plain(name) for name in found} for module, found in packages_distributions().items()}

    for extra in ("server", "train", "tables"):
        declared = {_plain(each) for each in project["optional-dependencies"][extra]} - {"probity"}
        assert {min(brought[module] & declared) for module in EXTRAS[extra]} == declared


def test_what_the_base_declares_is_in_no_extra() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    base = {_plain(each) for each in project["dependencies"]}
    for requirements in project["optional-dependencies"].values():
        assert base.isdisjoint(_plain(each) for each in requirements)


def _plain(requirement: str) -> str:
    for end in "[<>=~! ":
        requirement = requirement.partition(end)[0]
    return requirement.lower().replace("_", "-")
