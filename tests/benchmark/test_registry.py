"""A component is known before it is imported: its parameters, its facts, and all that decides its bytes."""

import ast
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.base.component import KINDS, imported
from harness.base.errors import UsageError
from harness.benchmark import registry, source
from harness.benchmark.registry import TABLE
from harness.encoders.torchnet import Given

PACKAGE = registry.PACKAGE
BUILT_IN = [component for component in TABLE if component.kind != "metrics"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def write(folder: Path, **modules: str) -> None:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)


# ---------------------------------------------------------------- the table tells the truth


@pytest.mark.parametrize("component", BUILT_IN, ids=lambda component: f"{component.kind}-{component.name}")
def test_the_tables_parameters_and_defaults_are_those_of_the_class(component):
    module, _, thing = component.target.partition(":")
    file = PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    takes = source.outline(file, thing).takes
    made = registry.load(component.kind, component.name, Path())
    if dataclasses.is_dataclass(made):  # its parameters are its fields, inherited ones too
        defaults = {field.name: (field.default, field.default_factory) for field in dataclasses.fields(made)}
        assert set(component.parameters.model_fields) == set(defaults)
        for name, (default, factory) in defaults.items():
            field = component.parameters.model_fields[name]
            if factory is not dataclasses.MISSING:
                assert field.default_factory is factory
            elif default is not dataclasses.MISSING:
                assert field.default == default
            else:
                assert field.is_required()
        return
    if component.kind == "datasets" and component.split.model_fields:
        # Made from what each split declares.
        assert set(takes or ()) <= {"splits", "image", "kind", *component.parameters.model_fields}
        return
    if component.files is not None:  # one class for every container, whose listing reads what its row declares
        assert made.__init__.__code__.co_varnames[1] == "kind"
        return
    node = next(n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.ClassDef) and n.name == thing)
    init = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    passed_on = set(Given.__annotations__) if init is not None and init.args.kwarg else set()  # `**given`
    given = takes if takes is not None or init is None else [argument.arg for argument in init.args.kwonlyargs]
    assert set(component.parameters.model_fields) == set(given or ()) | passed_on
    if init is None:
        return
    if passed_on:
        usual = component.parameters.model_fields["weights"].default
        assert usual == "official" or f'"{usual}"' in file.read_text()
    for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True):
        field = component.parameters.model_fields[argument.arg]
        assert field.is_required() == (default is None)
        if default is not None:
            assert field.default == ast.literal_eval(default)


def test_the_tables_metric_parameters_are_those_of_the_functions():
    import inspect

    for component in TABLE:
        if component.kind == "metrics":
            function = imported(component.target)
            keywords = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
            assert {p.name for p in keywords} - set(getattr(component, "roles", ())) == set(
                component.parameters.model_fields
            )


@pytest.mark.parametrize("component", BUILT_IN, ids=lambda component: f"{component.kind}-{component.name}")
def test_every_library_that_a_components_file_imports_decides_its_identity(component):
    file = PACKAGE.joinpath(*component.target.partition(":")[0].split(".")[1:]).with_suffix(".py")
    distributions = {"sklearn": "scikit-learn", "PIL": "pillow"}
    imported = {distributions.get(root, root) for root in source.imported_roots(file)}
    # safetensors reads bytes that are in the identity; pydantic checks parameters, whose values are.
    assert imported - {"harness", "safetensors", "pydantic"} <= set(component.libraries)


def test_every_built_in_component_is_importable_and_named_once():
    assert len({(component.kind, component.name) for component in TABLE}) == len(TABLE)
    for component in TABLE:
        assert callable(registry.load(component.kind, component.name, Path()))


# ---------------------------------------------------------------- three spellings, one lookup


def test_an_unknown_name_is_answered_with_the_nearest_and_all_known():
    with pytest.raises(UsageError, match=r"no encoder 'pixle'; did you mean 'pixels'\? Known: digits_convnet, random_"):
        registry.find("encoders", "pixle", Path())


def test_a_module_beside_the_yaml_is_found_before_one_of_the_environment(folder):
    write(folder, colorsys="class Mine: ...\n")
    assert registry.find("encoders", "colorsys:Mine", folder).origin == "module"


def test_looking_up_a_thing_in_a_package_imports_neither(folder):
    package = folder / "pack_without_import"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "inner.py").write_text('class Thing:\n    """Fine."""\n\n\nraise RuntimeError("imported")\n')
    assert registry.find("encoders", "pack_without_import.inner:Thing", folder).summary == "Fine."
    with pytest.raises(UsageError, match="importing it fails: RuntimeError: imported"):
        registry.load("encoders", "pack_without_import.inner:Thing", folder)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("absent_module:X", "no module 'absent_module'; searched"),
        ("os.absent:X", "no module 'os.absent'"),
        ("seen:Nothing", r"no 'Nothing' in .*seen.py. It defines: Present"),
        ("seen:Presnt", "did you mean 'Present'"),
        ("seen:a.b", "is not module:thing"),
        ("broken:X", r"broken.py:1: not valid Python: "),
        (":X", "no module ''"),
    ],
)
def test_what_is_not_there_is_the_users_mistake(folder, use, message):
    write(folder, seen="class Present: ...\n", broken="class :\n")
    with pytest.raises(UsageError, match=message):
        registry.find("generators", use, folder)


def test_names_defined_in_branches_imports_and_assignments_count_as_there(folder):
    write(
        folder,
        many="try:\n    from os import path as A\nexcept ImportError:\n    A = None\n"
        "if A:\n    class B: ...\n(C, D) = 1, 2\n",
        any_name="from os import *\n",
    )
    for thing in "ABCD":
        assert registry.find("encoders", f"many:{thing}", folder).target == f"many:{thing}"
    assert registry.find("encoders", "any_name:whatever", folder)


def test_an_installed_package_adds_names_by_entry_points(tmp_path):
    write(tmp_path, plug="class Plugged:\n    'From elsewhere.'\n    def __init__(self, *, size=3): self.size = size\n")
    info = tmp_path / "plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[harness.encoders]\nplugged = plug:Plugged\npixels = plug:Plugged\nlost = plug_gone:X\n"
    )
    code = f"""
import sys; sys.path.insert(0, {str(tmp_path)!r})
from pathlib import Path
from harness.benchmark import registry
assert registry.names("encoders")[-2:] == ["lost", "plugged"], registry.names("encoders")
found = registry.find("encoders", "plugged", Path("/"))
assert (found.origin, found.summary, found.takes) == ("entry point", "From elsewhere.", ("size",)), found
assert "plug" not in sys.modules
assert registry.make("encoders", "plugged", {{"size": 5}}, Path("/")).size == 5
assert registry.find("encoders", "pixels", Path("/")).origin == "built-in"
print([c.summary for c in registry.describe("encoders")][-2])
"""
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    assert "no module 'plug_gone'" in outcome.stdout


# ---------------------------------------------------------------- making things


def test_classes_are_called_functions_are_bound_instances_are_taken_as_they_are(folder):
    write(
        folder,
        made="class Gen:\n    def __init__(self, *, width=1): self.width = width\n"
        "instance = Gen(width=9)\ndef sample(seeds): ...\n"
        "def score(real, fake, *, power=1): return real + fake ** power\n",
    )
    assert registry.make("generators", "made:Gen", {"width": 4}, folder).width == 4
    assert registry.make("generators", "made:instance", {}, folder).width == 9
    assert registry.make("metrics", "made:score", {"power": 3}, folder)(1, 2) == 9
    assert registry.make("generators", "made:sample", {}, folder).__name__ == "sample"
    with pytest.raises(UsageError, match="is an instance; it takes no parameters"):
        registry.make("generators", "made:instance", {"width": 3}, folder)


def test_an_edited_module_and_what_it_imports_are_loaded_anew(folder):
    write(folder, edited="import edited_part\nclass A:\n    value = edited_part.VALUE\n", edited_part="VALUE = 1\n")
    assert registry.load("encoders", "edited:A", folder).value == 1
    write(folder, edited_part="VALUE = 1000\n")
    assert registry.load("encoders", "edited:A", folder).value == 1000


def test_two_benchmarks_with_modules_of_one_name_each_get_their_own(folder):
    for name in ("first", "second"):
        (folder / name).mkdir()
        write(folder / name, same_name=f"class A:\n    value = {name!r}\n")
    for name in ("first", "second", "first"):
        assert registry.load("encoders", "same_name:A", folder / name).value == name


def test_a_module_named_like_one_that_is_in_use_is_refused(folder):
    write(folder, json="class A: ...\n")
    with pytest.raises(UsageError, match=r"a module named 'json' is already in use .* rename yours"):
        registry.load("encoders", "json:A", folder)
    assert sys.modules["json"] is json


# ---------------------------------------------------------------- identity


def test_an_identity_is_the_same_in_another_process_and_another_folder(folder):
    text = "class A:\n    def __init__(self, *, width): ...\n"
    write(folder, ident=text)
    here = registry.identity("encoders", "ident:A", {"width": 3}, folder)
    other = folder / "other"
    other.mkdir()
    write(other, ident=text)
    code = (
        "from pathlib import Path; from harness.benchmark import registry; import json, sys; "
        f"print(json.dumps([registry.identity('encoders', 'ident:A', {{'width': 3}}, Path({str(other)!r})), "
        "registry.identity('generators', 'kde', {'bandwidth': 0.1}, Path('/')), "
        "[name for name in ('torch', 'sklearn', 'numpy') if name in sys.modules]]))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/").stdout
    theirs, kde, imported = json.loads(printed)
    assert theirs == here
    assert kde == registry.identity("generators", "kde", {"bandwidth": 0.1}, folder)
    assert imported == []


def test_an_identity_changes_with_parameters_source_and_what_the_source_imports(folder):
    write(folder, ident="import ident_part\nclass A: ...\n", ident_part="X = 1\n", bystander="Y = 1\n")
    first = registry.identity("encoders", "ident:A", {"width": 3}, folder)
    assert registry.identity("encoders", "ident:A", {"width": 4}, folder) != first
    write(folder, bystander="Y = 2\n")
    assert registry.identity("encoders", "ident:A", {"width": 3}, folder) == first
    write(folder, ident_part="X = 2\n")
    second = registry.identity("encoders", "ident:A", {"width": 3}, folder)
    assert second != first
    write(folder, ident="import ident_part\nclass A: pass\n")
    assert registry.identity("encoders", "ident:A", {"width": 3}, folder) not in (first, second)


def test_a_built_in_generators_identity_holds_what_its_module_imports_of_the_harness():
    kde = registry.identity("generators", "kde", {}, Path())["source"]
    assert {"harness/generators/density.py", "harness/generators/contract.py"} <= set(kde)
    assert "harness/generators/vae.py" not in kde


def test_facts_about_components_are_part_of_no_identity():
    """A fact more in base/component.py must not make everything that is stored be made again."""
    for kind, name in (("generators", "kde"), ("encoders", "inception"), ("encoders", "pixels")):
        component = registry.find(kind, name, Path())
        assert f"harness/{component.kind}/table.py" not in registry._sources(component, Path())
        assert "harness/base/component.py" not in registry._sources(component, Path())


def test_of_a_package_those_modules_count_that_are_imported(folder):
    package = folder / "project" / "nets"
    package.mkdir(parents=True)
    for path, text in (
        ("project/__init__.py", ""),
        ("project/nets/__init__.py", "from .lenet import LeNet\n"),
        ("project/nets/lenet.py", "import numpy\nfrom ..sizes import WIDTH\nclass LeNet: ...\n"),
        ("project/sizes.py", "WIDTH = 3\n"),
        ("project/other.py", "import torch\n"),
    ):
        (folder / path).write_text(text)
    found = registry.identity("encoders", "project.nets:LeNet", {}, folder)
    assert list(found["source"]) == [
        "project/__init__.py",
        "project/nets/__init__.py",
        "project/nets/lenet.py",
        "project/sizes.py",
    ]
    assert list(found["libraries"]) == ["numpy"]


def test_an_installed_component_counts_by_its_file_and_its_distributions_version():
    found = registry.identity("encoders", "pydantic.fields:FieldInfo", {}, Path())
    assert list(found["source"]) == ["pydantic/fields.py"]
    assert found["libraries"]["pydantic"] == registry.metadata.version("pydantic")


def test_a_users_component_counts_the_versions_of_what_it_imports(folder):
    write(folder, libs="import os\nimport numpy\nclass A:\n    def encode(self): from sklearn.svm import SVC\n")
    libraries = registry.identity("encoders", "libs:A", {}, folder)["libraries"]
    assert sorted(libraries) == ["numpy", "scikit-learn"]


def test_files_of_images_count_by_content_and_not_by_path(folder):
    for name, content in (("one", b"a"), ("two", b"a"), ("three", b"b")):
        (folder / name).mkdir()
        (folder / name / "0.png").write_bytes(content)
    one, two, three = (
        registry.identity("generators", "folder", {"path": name}, folder) for name in ("one", "two", "three")
    )
    assert one == two != three
    assert str(folder) not in json.dumps(one)


def test_shipped_weights_are_part_of_the_identity():
    found = registry.identity("encoders", "digits_convnet", {}, Path())
    from harness.base.keys import digest_file

    assert found["weights"] == digest_file(PACKAGE / "encoders" / "digits_convnet.safetensors")


def test_the_harnesss_own_packages_have_one_digest_over_all_files():
    assert registry.source_digest(("harness.base.keys",)) != registry.source_digest(("harness.base.record",))
    assert len(registry.source_digest(("harness.metrics",))) == 64


def test_a_kind_that_does_not_exist_is_a_bug_not_a_mistake_of_the_user():
    with pytest.raises(ValueError, match="`kind` must be one of"):
        registry.find("generator", "kde", Path())
    assert KINDS == ("generators", "encoders", "metrics", "datasets")


def test_each_source_is_read_once_in_a_process_however_many_components_hang_on_it():
    for reader in (source._named, source._digest):
        reader.cache_clear()
    for _ in range(2):
        for component in TABLE:
            registry._sources(component, Path())
    for reader in (source._named, source._digest):
        asked = reader.cache_info()
        assert asked.misses <= len(list(PACKAGE.rglob("*.py")))
        assert asked.hits > asked.misses
