"""Names to objects: the built-in table, entry points, `module:thing`; nothing is imported before `load` or `make`."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.base import (
    KINDS,
    Component,
    Kind,
    UsageError,
    digest,
    digest_file,
    digest_onnx,
    digest_path,
    imported,
    local_path,
    unknown,
)
from harness.benchmark import source
from harness.encoders import ENCODERS
from harness.generators import GENERATORS
from harness.images import DATASETS
from harness.metrics import METRICS, own_facts

PACKAGE = Path(__file__).resolve().parent.parent
TABLE: tuple[Component, ...] = (*GENERATORS, *ENCODERS, *METRICS, *DATASETS)
_BUILT_IN = {(component.kind, component.name): component for component in TABLE}
_imported: dict[str, str] = {}  # module name → digest of its sources when it was imported here


def names(kind: Kind) -> list[str]:
    """The built-in names of a kind, then those that installed packages add; a built-in name cannot be taken over."""
    built_in = [component.name for component in TABLE if component.kind == kind]
    return built_in + sorted({point.name for point in _entry_points(kind)} - set(built_in))


def describe(kind: Kind) -> list[Component]:
    """Every component of a kind that has a name, in the order of `names`; of a broken entry point, what is wrong."""
    described = []
    for name in names(kind):
        try:
            described.append(find(kind, name, Path.cwd()))
        except UsageError as problem:
            described.append(Component(kind, name, "", f"broken: {problem}", origin="entry point"))
    return described


def is_built_in(kind: str, use: str) -> bool:
    """Whether a name is one of the harness's own."""
    return (kind, use) in _BUILT_IN


def find(kind: str, use: str, folder: Path) -> Component:
    """What is known about a component without importing it.

    `use` is a built-in name, an entry point's name, or `module:thing` with a module in `folder` (the YAML file's), the
    current folder or the environment. Raises UsageError where there is no such thing.
    """
    checked = kind_of(kind)
    if (component := _BUILT_IN.get((checked, use))) is not None:
        return component
    if ":" in use:
        return _outlined(checked, use, use, folder, "module")
    points = {point.name: point for point in _entry_points(checked)}
    if use not in points:
        raise UsageError(unknown(checked[:-1], use, names(checked)) + ", or module:thing for your own")
    return _outlined(checked, use, points[use].value.partition(" ")[0], folder, "entry point")


def load(kind: str, use: str, folder: Path) -> Any:
    """The Python object that a name stands for, imported now.

    Raises UsageError where the user's module fails to import; the cause is chained.
    """
    target = find(kind, use, folder).target
    if not is_built_in(kind, use):
        return _thing(target, folder)
    module_name, _, thing = target.partition(":")
    return getattr(importlib.import_module(module_name), thing)


def make(kind: str, use: str, parameters: Mapping[str, Any], folder: Path) -> Any:
    """A component ready for use: a class called with its parameters, a function bound to them, an instance as it is.

    Parameters that are paths are taken relative to `folder`.
    """
    thing = load(kind, use, folder)
    component = find(kind, use, folder)
    arguments = located(component, parameters, folder)
    for name, target in component.modules(parameters).items():
        arguments[name] = _thing(target, folder)
    if component.files is not None:
        arguments["kind"] = component.files
    if inspect.isclass(thing):
        return thing(**arguments)
    if inspect.isroutine(thing) and kind == "metrics":
        return functools.partial(thing, **arguments) if arguments else thing
    if arguments:
        what = "a function" if inspect.isroutine(thing) else "an instance"
        raise UsageError(f"{kind[:-1]} {use} is {what}; it takes no parameters ({', '.join(arguments)}); use a class")
    return thing


def located(component: Component, parameters: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The parameters with the paths of image and weight files made absolute against `folder`."""
    if component.files is None:
        own = component.paths(parameters)
        return {**parameters, **{name: local_path(folder, path) for name, path in own.items()}}
    from harness.images import listing as imagelist

    if component.kind == "datasets":
        splits = {
            name: imagelist.resolve(component.files, split, folder) for name, split in parameters["splits"].items()
        }
        return {**parameters, "splits": splits}
    return imagelist.resolve(component.files, parameters, folder)


def count_files(component: Component, parameters: Mapping[str, Any], folder: Path) -> int:
    """How many images lie where a generator's or a split's parameters say, by listing alone; raises UsageError."""
    from harness.images import listing as imagelist

    assert component.files is not None
    return imagelist.count(component.files, imagelist.resolve(component.files, parameters, folder))


def count_labels(component: Component, parameters: Mapping[str, Any], folder: Path) -> int | None:
    """How many labels the files of a split or a pool have, without opening an image; None where they have none."""
    if component.files is None or parameters.get("labels") is None:
        return None
    from harness.images import listing as imagelist
    from harness.images import open_images  # Pillow with it

    labels = open_images(component.files, imagelist.resolve(component.files, parameters, folder)).labels
    return None if labels is None else len(set(labels.tolist()))


def stamps(component: Component, parameters: Mapping[str, Any], split: str, folder: Path) -> list[list[Any]]:
    """Name, size and time of change of every file that a split of a built-in dataset is read from; none is opened."""
    from harness.images import listing as imagelist

    if component.files is not None:
        return imagelist.stamps(component.files, located(component, parameters, folder)["splits"][split])
    if component.read_from is not None:
        return imagelist.stamps_of(imported(component.read_from)(parameters, parameters["splits"][split], folder))
    return []  # it ships with a library, whose version is part of the dataset's identity


def contents(component: Component, parameters: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """SHA-256 of what lies at each path of the user's own that is given, image files apart; raises UsageError."""
    names = component.paths(parameters)
    if not names:
        return {}
    absolute, onnx = located(component, parameters, folder), component.parameters.onnx if component.parameters else ()
    return {name: (digest_onnx if name in onnx else digest_path)(Path(absolute[name])) for name in names}


def check_module(component: Component, parameters: Mapping[str, Any], name: str, folder: Path) -> None:
    """Raise UsageError where the `module:thing` of a parameter is not there, by its source alone."""
    found = _locate(component.modules(parameters)[name], folder)
    source.outline(found.file, found.thing)


def file_of(target: str, folder: Path) -> Path:
    """The source file of a `module:thing`, found without importing it; raises UsageError."""
    return _locate(target, folder).file


def code(kind: str, use: str, folder: Path) -> dict[str, Any]:
    """What of the code decides a component's bytes, whatever its parameters, as JSON, without importing it.

    `source` holds the SHA-256 of its file and of those of its project that it imports, `libraries` the versions of what
    it computes with.
    """
    component = find(kind, use, folder)
    return {
        "source": _sources(component, folder),
        "libraries": {name: _version(name) for name in _libraries(component, folder)},
    }


def identity(
    kind: str, use: str, parameters: Mapping[str, Any], folder: Path, *, of_code: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What decides a component's bytes, as JSON, without importing it.

    That is its `code`, read now unless `of_code` has it, and the SHA-256 of its files as `weights` and `content`; a
    path counts by what lies there, not by name.
    """
    component = find(kind, use, folder)
    files = component.files if kind == "generators" else None  # a dataset's splits are pinned by their digests instead
    found: dict[str, Any] = {
        "use": use,
        "parameters": dict(parameters),
        **(code(kind, use, folder) if of_code is None else of_code),
    }
    if component.weights is not None:
        found["weights"] = digest_file(PACKAGE / component.weights)
    if (name := component.weight_file(parameters)) is not None:
        from harness.encoders import weights

        # Where nobody has published a digest, the file that is here counts.
        found["weights"] = weights.find(name).sha256 or digest_file(weights.locate(name))
    for name, content in contents(component, parameters, folder).items():
        found["weights" if name == "file" else name] = content
        del found["parameters"][name]
    for name, target in component.modules(parameters).items():
        file = _locate(target, folder).file
        versions = {library: _version(library) for library in source.distributions(file, target)}
        found[name] = {"source": source.sources(file), "libraries": versions}
    if files:
        from harness.images import containers
        from harness.images import listing as imagelist

        found["content"] = imagelist.content_digest(files, located(component, parameters, folder))
        for name in containers()[files].paths:
            found["parameters"].pop(name, None)  # a dataset's alone, such as the labels of an npy
    return found


def source_digest(modules: Sequence[str], *, apart: Sequence[str] = ()) -> str:
    """One SHA-256 over the source of the harness's own modules and all that they import, but for the files `apart`.

    A package counts with all its files.
    """
    found = {name: _harness_sources(name) for name in modules}
    return digest({name: {file: of for file, of in own.items() if file not in apart} for name, own in found.items()})


@dataclass(frozen=True, slots=True)
class _Target:
    file: Path
    thing: str


def kind_of(kind: str) -> Kind:
    """The text as a kind of component; raises ValueError for any other."""
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {', '.join(KINDS)}, not {kind!r}")
    return kind  # narrowed by the test above


@functools.cache
def _entry_points(kind: str) -> tuple[metadata.EntryPoint, ...]:
    return tuple(metadata.entry_points(group=f"harness.{kind}"))


def _folders(folder: Path) -> list[Path]:
    return [folder.resolve(), Path.cwd()]


def _locate(target: str, folder: Path) -> _Target:
    module, _, thing = target.partition(":")
    if not thing.isidentifier():
        raise UsageError(f"'{target}' is not module:thing, where thing is a class, an instance or a function")
    return _Target(Path(str(source.find_module(module, _folders(folder)).origin)), thing)


def _outlined(kind: Kind, use: str, target: str, folder: Path, origin: Any) -> Component:
    found = _locate(target, folder)
    seen = source.outline(found.file, found.thing)
    takes, needs = seen.takes, seen.needs
    if seen.form == "function":
        if kind not in ("generators", "metrics"):
            raise UsageError(f"{target} is a function; {_article(kind[:-1])} must be a class or an instance")
        if kind == "generators":
            takes, needs = (), ()
        else:  # the first two are real and fake
            takes, needs = (None if takes is None else takes[2:]), needs[2:]
    facts: dict[str, Any] = {"takes": takes, "needs": needs, "summary": seen.summary, "origin": origin}
    if kind == "metrics":
        return own_facts(use, target=target, **facts)
    return Component(kind, use, target, trained=seen.fit, **facts)


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _sources(component: Component, folder: Path) -> dict[str, str]:
    if component.origin == "built-in":
        modules = [target.partition(":")[0] for target in component.targets]
        return {file: content for module in modules for file, content in _harness_sources(module).items()}
    return source.sources(_locate(component.target, folder).file)


def _harness_sources(module: str) -> dict[str, str]:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    if path.is_dir():
        return {file.relative_to(path).as_posix(): source.digest_source(file) for file in sorted(path.rglob("*.py"))}
    return source.sources(path.with_suffix(".py"), follow=True)


def _libraries(component: Component, folder: Path) -> Sequence[str]:
    if component.origin == "built-in":
        return component.libraries
    return source.distributions(_locate(component.target, folder).file, component.target)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def _thing(target: str, folder: Path) -> Any:
    """What a `module:thing` of the user's stands for, imported now."""
    module_name, _, thing = target.partition(":")
    module = _import(module_name, folder)
    if not hasattr(module, thing):
        raise UsageError(f"no '{thing}' in {getattr(module, '__file__', None) or module_name}")
    return getattr(module, thing)


def _import(name: str, folder: Path) -> Any:
    file = Path(str(source.find_module(name, _folders(folder)).origin))
    now = digest(source.sources(file))
    known = sys.modules.get(name)
    if known is not None and not _same_file(known, file) and name not in _imported:
        raise UsageError(f"{file}: a module named '{name}' is already in use ({known}); rename yours")
    if known is not None and _imported.get(name, now) != now:
        # Another benchmark's module of this name, or this one before an edit, would put wrong bytes under a right key.
        _forget(known)
    before = list(sys.path)
    sys.path[:0] = [str(path) for path in _folders(folder)]
    try:
        module = importlib.import_module(name)
    except UsageError:
        raise
    except Exception as problem:
        raise UsageError(f"{file}: importing it fails: {type(problem).__name__}: {problem}") from problem
    finally:
        # Left at the end, so that imports inside its functions and unpickling in worker processes find it too.
        sys.path[:] = before + [str(path) for path in _folders(folder) if str(path) not in before]
    _imported[name] = now
    return module


def _same_file(module: ModuleType, file: Path) -> bool:
    return getattr(module, "__file__", None) is not None and Path(str(module.__file__)).resolve() == file.resolve()


def _forget(module: ModuleType) -> None:
    """Take a module, and those of its project that it imports, out of `sys.modules`, so that they are imported anew."""
    file = Path(str(module.__file__))
    files = set(source.source_files(file)) if file.is_file() else {file.resolve()}
    for name, other in list(sys.modules.items()):
        if getattr(other, "__file__", None) is not None and Path(str(other.__file__)).resolve() in files:
            del sys.modules[name]
