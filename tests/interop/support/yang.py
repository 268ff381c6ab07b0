"""YANG modules as pyang and yanglint read them."""

import os
import subprocess
import sysconfig

from pyang import context, repository, yang_parser

from .manager import ROOT, Answer

OWN = os.path.join(ROOT, "yang")
IETF = os.path.join(OWN, "ietf")
# What comes with pyang.
PUBLISHED = os.path.join(sysconfig.get_path("data"), "share", "yang", "modules", "ietf")

# What says nothing to a machine.
_PROSE = {"description", "reference", "contact", "organization"}
# Of these the order among themselves means something: it is that of the tree, of values or of types tried one by one.
_NODES = {"container", "leaf", "leaf-list", "list", "choice", "case", "anyxml", "anydata", "uses", "augment", "refine"}
_NODES |= {"rpc", "action", "input", "output", "notification"}
_IN_ORDER = {"enum", "bit", "type"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def files(folder):
    """The modules of a folder, sorted."""
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".yang"))


def parse(text, name="module"):
    """The statements of a module, as they stand there."""
    reader = context.Context(repository.FileRepository("", use_env=False))
    module = yang_parser.YangParser().parse(reader, name, text)
    if module is None or reader.errors:
        raise AssertionError(f"{name}: {[str(error) for error in reader.errors]}")
    return module


def tree(text, name="module"):
    """A line for each statement that is not prose, indented. Two texts have the same lines if the modules say the same."""
    module = parse(text, name)
    prefixes = {argument(module, "prefix"): module.arg}
    prefixes |= {argument(line, "prefix"): line.arg for line in module.search("import")}
    return list(_lines(module, prefixes, 0))


def argument(statement, keyword):
    """The argument of a substatement."""
    return statement.search_one(keyword).arg


def below(statement):
    """All statements in a statement."""
    for child in statement.substmts:
        yield child
        yield from below(child)


def _lines(statement, prefixes, depth):
    keyword = statement.keyword
    if not isinstance(keyword, str):
        # An extension: its module counts, not what this one calls it.
        keyword = f"{prefixes[keyword[0]]}:{keyword[1]}"
    text = "" if statement.arg is None or keyword == "presence" else f" {statement.arg}"
    yield f"{'  ' * depth}{keyword}{text}"
    children = [child for child in statement.substmts if child.keyword not in _PROSE]
    for child in sorted(children, key=_place):
        yield from _lines(child, prefixes, depth + 1)


def _place(statement):
    if statement.keyword in _NODES:
        return (1, "", "")
    if statement.keyword in _IN_ORDER:
        return (0, statement.keyword, "")
    return (0, str(statement.keyword), statement.arg or "")


def lint(path, *more):
    """`pyang --strict --lint`; its exit code says nothing about warnings."""
    return _run("pyang", "--strict", "--lint", "-p", os.pathsep.join([IETF, OWN, *more]), path)


def yanglint(*paths):
    return _run("yanglint", "-p", IETF, "-p", OWN, *paths)


def _run(*command):
    return Answer(subprocess.run(command, capture_output=True, timeout=120))
