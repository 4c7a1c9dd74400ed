"""Python source, parsed as Python parses it and lowered to `checks.read.syntax`. Nothing is run or imported.

Names keep the meaning that they have in the file; `checks.read.imports` follows them.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from checks.read import Unparsable
from checks.read.newer import older
from checks.read.source import Mark, Source, decode
from checks.read.syntax import (
    Arm,
    Attach,
    Attribute,
    Bind,
    Call,
    Choice,
    Class,
    Computed,
    Constant,
    Expr,
    Function,
    Group,
    Import,
    Item,
    Mapping,
    Module,
    Name,
    Run,
    Runs,
    Share,
    Statement,
    Step,
)
from checks.regex import regex

P = ParamSpec("P")
T = TypeVar("T")
NEWER = "it may be written for a newer Python than snitch runs on"
_COMPILED = 200_000  # characters of a text, at most
_DEPTH = 40  # of an expression whose value is looked at; what is deeper is Computed
_NEGATED: dict[Runs, Runs] = {"yes": "no", "no": "yes", "maybe": "maybe", "main": "imported", "imported": "main"}
_EXITS = {"exit", "quit", "sys.exit", "os._exit", "os.abort"}
_FLAG_RENAMED = regex(r"\bTYPE_CHECKING[ \t]+as\b")
_FORGIVING = {"", "ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_Loop = ast.For | ast.AsyncFor | ast.While
_Try = ast.Try | ast.TryStar
# Statements in whose branches others stand that are run with them.
_COMPOUND = frozenset(
    {ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.Match, ast.ClassDef}
)
_BRANCHING = _COMPOUND | {ast.ExceptHandler, ast.match_case}
_BRANCHES = ("body", "handlers", "orelse", "finalbody", "cases")
_IDLE = frozenset({ast.Name, ast.Constant, ast.Lambda})  # expressions that call nothing
_ACTING = frozenset({ast.Call, ast.NamedExpr})
_one_thread = Lock()


def parse(data: bytes) -> Module:
    """Reads a file of Python source. Raises Unparsable."""
    source = decode(data)
    return _module(source, _quietly(_parsed, source.text).body)


def parse_script(data: bytes) -> Module:
    """The same, and refuses what Python refuses though it parses: a `return` outside a function, say."""
    source = decode(data)
    tree = _quietly(_parsed, source.text)
    try:
        _quietly(_compiled, source.text, tree)
    except SyntaxError as error:
        raise _unparsable(error) from None
    except (RecursionError, MemoryError, ValueError):
        raise Unparsable("it is nested too deeply") from None
    return _module(source, tree.body)


def _compiled(text: str, tree: ast.Module) -> None:
    """Tries what is no script for Python's compiler. Raises SyntaxError, RecursionError, MemoryError, ValueError."""
    if len(text) <= _COMPILED and "finally" not in text:
        compile(tree, "<source>", "exec", dont_inherit=True)
        return
    import symtable

    # The first passes of the compiler. The last one repeats what stands below `finally` at each way out of `try`, and
    # so may take time that is exponential in the source.
    symtable.symtable(text, "<source>", "exec")
    _check_places(tree.body)


def _module(source: Source, body: list[ast.stmt]) -> Module:
    if _FLAG_RENAMED.search(source.text):
        _give_back_the_name(body)
    return Module(source, partial(_lowered, body), partial(_outline, body), partial(_dumped, body))


def _give_back_the_name(body: list[ast.stmt]) -> None:
    """Reads `TC` as TYPE_CHECKING where `from typing import TYPE_CHECKING as TC` alone says what it is."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    renamed: set[str | None] = set()
    others: set[str | None] = set()
    for node in nodes:
        match node:
            case ast.ImportFrom(module="typing" | "typing_extensions", names=names):
                renamed |= {one.asname for one in names if one.name == "TYPE_CHECKING"}
                others |= {one.asname for one in names if one.name != "TYPE_CHECKING"}
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                others |= {one.asname or one.name for one in names}
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                others.add(name)
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in renamed - others:
            node.id = "TYPE_CHECKING"


def _check_places(body: list[ast.stmt]) -> None:
    leading = True
    for index, node in enumerate(body):
        leading = leading and (_is_future(node) or (index == 0 and _text_of(node) is not None))
        for nested in _nested(node):
            if isinstance(nested, ast.Return):
                raise Unparsable("'return' outside function", nested.lineno, nested.col_offset + 1)
            if _is_future(nested) and not leading:
                raise Unparsable("imports from __future__ must come first", nested.lineno, nested.col_offset + 1)


def _quietly(read: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    # Filters of warnings are the whole process's.
    with _one_thread, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(*arguments, **keywords)


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise _unparsable(error, newer=_is_newer(text)) from None
    except (RecursionError, MemoryError):
        raise Unparsable("it is nested too deeply") from None
    except ValueError as error:  # NUL bytes and lone surrogates
        raise Unparsable(str(error)) from None


def _unparsable(error: SyntaxError, *, newer: bool = False) -> Unparsable:
    why = error.msg or "invalid syntax"
    return Unparsable(f"{NEWER}: {why}" if newer else why, error.lineno or None, error.offset or None)


def _is_newer(text: str) -> bool:
    """Whether what is refused would parse, were it not for syntax of a newer Python."""
    found = older(text)
    if found is None:
        return False
    fields = "".join(f" ({expression}\n )\n" for expression in found.fields)
    try:
        ast.parse(found.text)
        ast.parse(f"async def _():\n{fields} pass")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level


def _lowered(body: list[ast.stmt]) -> tuple[Step, ...]:
    steps: list[Step] = []
    _block(body, None, steps)
    return tuple(steps)


def _outline(body: list[ast.stmt]) -> tuple[Statement, ...]:
    return tuple(_outlined(node, first=index == 0) for index, node in enumerate(body))


def _outlined(node: ast.stmt, *, first: bool) -> Statement:
    match node:
        case ast.Expr(value=ast.Constant(value=str())) if first:
            return Statement("docstring", _mark(node), False)
        case ast.ImportFrom(module="__future__", level=0):
            return Statement("future", _mark(node), False)
        case ast.Import() | ast.ImportFrom():
            return Statement("import", _mark(node), True)
        case ast.If() | ast.Try() | ast.TryStar() | ast.With():
            return Statement("preface", _mark(node), _holds_import(node))
        case ast.Assign(targets=[ast.Name(id=name)]) if name.startswith("__"):
            return Statement("preface", _mark(node), False)
        case _:
            return Statement("other", _first_mark(node), _holds_import(node))


def _dumped(body: list[ast.stmt], index: int) -> str:
    try:
        return ast.dump(body[index])
    except RecursionError:
        return f"deep {type(body[index]).__name__}"


def _holds_import(node: ast.stmt) -> bool:
    return any(isinstance(child, ast.Import | ast.ImportFrom) for child in _nested(node))


def _nested(root: ast.stmt) -> Iterator[ast.stmt]:
    """The statements in a statement's branches, itself included, those of classes too, without those of functions."""
    waiting: list[ast.AST] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        if type(node) in _BRANCHING:
            for branch in _BRANCHES:
                waiting += getattr(node, branch, ())


def _mark(node: ast.stmt | ast.expr | ast.alias) -> Mark:
    return (node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0)


def _first_mark(node: ast.stmt) -> Mark:
    """The mark of a statement with its decorators, which Python's parser leaves out."""
    mark = _mark(node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.decorator_list:
        first = node.decorator_list[0]
        return (first.lineno, 0, *mark[2:])
    return mark


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _block(body: Iterable[ast.stmt], arm: Arm | None, steps: list[Step]) -> None:
    """Adds the steps of statements to `steps`, as all of these do: the order of a step is its index there."""
    for node in body:
        _STATEMENTS.get(type(node), _simple)(node, arm, steps)
        if _ends(node):
            arm = Arm(node, "rest", "no", True, arm)
        elif _may_return(node):
            arm = Arm(node, "rest", "maybe", True, arm)


def _ends(node: ast.stmt) -> bool:
    """Whether nothing after the statement is ever reached."""
    match node:
        case ast.Expr():
            return isinstance(node.value, ast.Call) and _dotted(node.value.func) in _EXITS
        case ast.Assign() | ast.FunctionDef() | ast.Import() | ast.ImportFrom():
            return False
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.If():
            return _if_ends(node)
        case ast.With(body=body) | ast.AsyncWith(body=body):
            return _any_ends(body) and not any("suppress" in _dotted(i.context_expr, calls=True) for i in node.items)
        case ast.Try() | ast.TryStar():
            normally = _any_ends(node.body) or _any_ends(node.orelse)
            return _any_ends(node.finalbody) or (normally and all(_any_ends(h.body) for h in node.handlers))
        case ast.While(test=test):
            return _truth(test) == "yes" and not any(isinstance(n, ast.Break) for n in _nested(node))
        case _:
            return False


def _if_ends(node: ast.If) -> bool:
    while True:
        taken = _truth(node.test)
        if taken != "no" and not _any_ends(node.body):
            return False
        match node.orelse:
            case _ if taken == "yes":
                return True
            case [ast.If() as again]:
                node = again
            case other:
                return _any_ends(other)


def _any_ends(body: list[ast.stmt]) -> bool:
    return any(_ends(node) for node in body)


def _may_return(node: ast.stmt) -> bool:
    return type(node) in _COMPOUND and any(isinstance(n, ast.Return) for n in _nested(node))


def _define(node: ast.FunctionDef | ast.AsyncFunctionDef, arm: Arm | None, steps: list[Step]) -> None:
    for expression in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
        if expression is not None:
            _effects(expression, arm, steps)
    steps.append(Bind(node.name, _function(node), _mark(node), arm, len(steps)))


def _define_class(node: ast.ClassDef, arm: Arm | None, steps: list[Step]) -> None:
    for expression in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
        _effects(expression, arm, steps)
    steps.append(Bind(node.name, _class(node), _mark(node), arm, len(steps)))


def _with(node: ast.With | ast.AsyncWith, arm: Arm | None, steps: list[Step]) -> None:
    for item in node.items:
        _effects(item.context_expr, arm, steps)
        _targets(item.optional_vars, None, node, arm, steps)
    _block(node.body, Arm(node, "with", "yes", True, arm), steps)


def _match(node: ast.Match, arm: Arm | None, steps: list[Step]) -> None:
    _effects(node.subject, arm, steps)
    for case in node.cases:
        _block(case.body, Arm(node, f"case {case.pattern.lineno}", "maybe", False, arm), steps)


def _share(node: ast.Global | ast.Nonlocal, arm: Arm | None, steps: list[Step]) -> None:
    steps.append(Share(tuple(node.names), _mark(node), arm, len(steps)))


def _simple(node: ast.stmt, arm: Arm | None, steps: list[Step]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            _effects(child, arm, steps)
    match node:
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            _targets(target, value, node, arm, steps)
        case ast.AugAssign(target=target):
            _targets(target, None, node, arm, steps)
        case ast.Delete(targets=targets):
            for gone in targets:
                _targets(gone, None, node, arm, steps)


def _assign(node: ast.Assign, arm: Arm | None, steps: list[Step]) -> None:
    for expression in (*node.targets, node.value):
        _effects(expression, arm, steps)
    for target in node.targets:
        _targets(target, node.value, node, arm, steps)


def _expression(node: ast.Expr, arm: Arm | None, steps: list[Step]) -> None:
    _effects(node.value, arm, steps, alone=True)


def _return(node: ast.Return, arm: Arm | None, steps: list[Step]) -> None:
    if node.value is not None:
        _effects(node.value, arm, steps)


def _targets(
    target: ast.expr | None, value: ast.expr | None, node: ast.stmt, arm: Arm | None, steps: list[Step]
) -> None:
    match target:
        case ast.Name(id=name):
            steps.append(Bind(name, _expr(value) if value else Computed(), _mark(node), arm, len(steps)))
        case ast.Attribute(value=owner, attr=name):
            given = _expr(value) if value else Computed()
            steps.append(Attach(_expr(owner), name, given, _mark(node), arm, len(steps)))
        case ast.Starred(value=inner):
            _targets(inner, None, node, arm, steps)
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            values: list[ast.expr | None] = [None] * len(targets)
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets):
                values = list(value.elts)
            for one, its in zip(targets, values, strict=True):
                _targets(one, its, node, arm, steps)


def _imports(node: ast.Import | ast.ImportFrom, arm: Arm | None, steps: list[Step]) -> None:
    at = _mark(node)
    for alias in node.names:
        order = len(steps)
        if isinstance(node, ast.ImportFrom):
            name = None if alias.name == "*" else alias.asname or alias.name
            steps.append(Import(node.module or "", node.level, alias.name, name, False, at, arm, order))
        elif alias.asname:
            steps.append(Import(alias.name, 0, None, alias.asname, False, at, arm, order))
        else:
            steps.append(Import(alias.name, 0, None, alias.name.partition(".")[0], True, at, arm, order))


def _if(node: ast.If, arm: Arm | None, steps: list[Step]) -> None:
    """An `if` with its `elif`s, which may be a thousand: no recursion."""
    while True:
        _effects(node.test, arm, steps)
        taken = _truth(node.test)
        _block(node.body, Arm(node, "if", taken, taken in ("yes", "main", "imported"), arm), steps)
        arm = Arm(node, "else", _NEGATED[taken], taken in ("no", "main", "imported"), arm)
        match node.orelse:
            case [ast.If() as again]:
                node = again
            case other:
                _block(other, arm, steps)
                return


def _loop(node: _Loop, arm: Arm | None, steps: list[Step]) -> None:
    taken: Runs = "maybe"
    if isinstance(node, ast.While):
        _effects(node.test, arm, steps)
        taken = _truth(node.test)
    else:
        _effects(node.iter, arm, steps)
        _targets(node.target, None, node, arm, steps)
    _block(node.body, Arm(node, "loop", taken, taken == "yes", arm), steps)
    _block(node.orelse, Arm(node, "loop", "maybe", False, arm), steps)


def _try(node: _Try, arm: Arm | None, steps: list[Step]) -> None:
    sure = all(_any_ends(handler.body) for handler in node.handlers)
    forgives = any(_caught(handler.type) & _FORGIVING for handler in node.handlers)
    _block(node.body, Arm(node, "try", "yes", sure, arm, forgives), steps)
    for number, handler in enumerate(node.handlers):
        _block(handler.body, Arm(node, f"except {number}", "maybe", False, arm), steps)
    _block(node.orelse, Arm(node, "else", "yes", sure, arm), steps)
    _block(node.finalbody, Arm(node, "finally", "yes", True, arm), steps)


_STATEMENTS: dict[type[ast.stmt], Callable[[Any, Arm | None, list[Step]], None]] = {
    **dict.fromkeys((ast.Import, ast.ImportFrom), _imports),
    **dict.fromkeys(_FUNCTIONS, _define),
    ast.ClassDef: _define_class,
    ast.If: _if,
    **dict.fromkeys((ast.For, ast.AsyncFor, ast.While), _loop),
    **dict.fromkeys((ast.Try, ast.TryStar), _try),
    **dict.fromkeys((ast.With, ast.AsyncWith), _with),
    ast.Match: _match,
    **dict.fromkeys((ast.Global, ast.Nonlocal), _share),
    ast.Assign: _assign,
    ast.Expr: _expression,
    ast.Return: _return,
}
"""By the statement; every other one is `_simple`."""


def _caught(kind: ast.expr | None) -> set[str]:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return {_dotted(one).rpartition(".")[2] if one else "" for one in kinds}


def _truth(test: ast.expr, depth: int = 0) -> Runs:
    match test:
        case _ if depth > _DEPTH:
            return "maybe"
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return "no"
        case ast.Name(id="__debug__"):
            return "yes"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _NEGATED[_truth(operand, depth + 1)]
        case ast.BoolOp(op=operator, values=values):
            return _joined([_truth(value, depth + 1) for value in values], isinstance(operator, ast.And))
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as operator], comparators=[right]):
            if {_dotted(left) or _text(left), _dotted(right) or _text(right)} == {"__name__", "'__main__'"}:
                return "main" if isinstance(operator, ast.Eq) else "imported"
            return "maybe"
        case _:
            known = _constant(test)
            return "maybe" if known is None else "yes" if known.value else "no"


def _joined(parts: list[Runs], conjunction: bool) -> Runs:
    deciding: Runs = "no" if conjunction else "yes"
    open_parts = {part for part in parts if part != _NEGATED[deciding]}
    if deciding in open_parts:
        return deciding
    return _NEGATED[deciding] if not open_parts else open_parts.pop() if len(open_parts) == 1 else "maybe"


def _text(node: ast.expr) -> str:
    return repr(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


# ── definitions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    decorators: tuple[Expr, ...] = ()
    is_stub = _is_idle(node.body[-1]) and all(map(_is_idle, node.body))
    if node.decorator_list:
        decorators = tuple(map(_expr, node.decorator_list))
        is_stub = is_stub or any(_is_abstract(decorator) for decorator in node.decorator_list)
    return Function(node.name, _mark(node), decorators, _parameters(node.args), is_stub, partial(_lowered, node.body))


def _is_abstract(decorator: ast.expr) -> bool:
    return _dotted(decorator).rpartition(".")[2].startswith("abstract")


def _lambda(node: ast.Lambda) -> Function:
    return Function("<lambda>", _mark(node), (), _parameters(node.args), False, partial(_lowered_lambda, node.body))


def _lowered_lambda(body: ast.expr) -> tuple[Step, ...]:
    steps: list[Step] = []
    _effects(body, None, steps)
    return tuple(steps)


def _parameters(arguments: ast.arguments) -> tuple[str, ...]:
    named = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return (*named, *(one.arg for one in (arguments.vararg, arguments.kwarg) if one))


def _class(node: ast.ClassDef) -> Class:
    return Class(
        node.name,
        _mark(node),
        tuple((_expr(base), _mark(base)) for base in node.bases),
        tuple(_expr(keyword.value) for keyword in node.keywords if keyword.arg in ("metaclass", None)),
        tuple(_expr(decorator) for decorator in node.decorator_list),
        tuple(_first_mark(statement) for statement in node.body),
        len(node.body) == 1 and isinstance(node.body[0], ast.Pass | ast.Expr) and _text_of(node.body[0]) is None,
        partial(_lowered, node.body),
    )


def _text_of(node: ast.stmt) -> str | None:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
        case _:
            return None


def _is_idle(node: ast.stmt) -> bool:
    """It does nothing, or says that it does not do it yet."""
    match node:
        case ast.Expr():
            return isinstance(node.value, ast.Constant)
        case ast.Pass():
            return True
        case ast.Raise(exc=ast.Call(func=kind)) | ast.Raise(exc=ast.expr() as kind):
            return _dotted(kind) == "NotImplementedError"
        case ast.Return(value=ast.expr() as value):
            return _dotted(value) == "NotImplemented"
        case _:
            return False


# ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _dotted(node: ast.expr, *, calls: bool = False) -> str:
    """`a.b.c` of such an expression, else an empty text; of a call's function with `calls`."""
    parts: list[str] = []
    if calls and isinstance(node, ast.Call):
        node = node.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _effects(root: ast.expr, arm: Arm | None, steps: list[Step], *, alone: bool = False) -> None:
    """The calls that an expression makes, and the names that `:=` binds. No recursion: it may be very deep."""
    if type(root) in _IDLE:
        return
    waiting: list[tuple[ast.expr, Arm | None, bool]] = [(root, arm, False)]
    while waiting:
        node, here, is_ready = waiting.pop()
        if is_ready:
            if isinstance(node, ast.Call):
                steps.append(Run(_call(node, 0), alone and node is root, _mark(node), here, len(steps)))
            elif isinstance(node, ast.NamedExpr):
                steps.append(Bind(node.target.id, _expr(node.value), _mark(node), here, len(steps)))
            continue
        if type(node) in _ACTING:
            waiting.append((node, here, True))
        operands = [(child, its, False) for child, its in _operands(node, here) if type(child) not in _IDLE]
        operands.reverse()
        waiting += operands


def _operands(node: ast.expr, arm: Arm | None) -> Iterable[tuple[ast.expr, Arm | None]]:
    """The expressions that one is made of, in the order in which they are worked out."""
    match node:
        case ast.Call():
            return [(node.func, arm), *((one, arm) for one in node.args), *((one.value, arm) for one in node.keywords)]
        case ast.Attribute() | ast.Starred() | ast.Await():
            return ((node.value, arm),)
        case ast.IfExp():
            taken = _truth(node.test)
            other = Arm(node, "else", _NEGATED[taken], False, arm)
            return ((node.test, arm), (node.body, Arm(node, "if", taken, False, arm)), (node.orelse, other))
        case ast.BoolOp(op=operator, values=[first, *others]):
            taken = _truth(first) if isinstance(operator, ast.And) else _NEGATED[_truth(first)]
            return [(first, arm), *((other, Arm(node, "loop", taken, False, arm)) for other in others)]
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            inner = Arm(node, "loop", "maybe", False, arm)
            elements = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
            later = [part for loop in node.generators for part in (*loop.ifs, loop.iter)]
            once = node.generators[0].iter
            return [(once, arm), *((part, inner) for part in (*elements, *later) if part is not once)]
        case _:
            return [
                (child.value if isinstance(child, ast.keyword) else child, arm)
                for child in ast.iter_child_nodes(node)
                if isinstance(child, ast.expr | ast.keyword)
            ]


def _expr(node: ast.expr, depth: int = 0) -> Expr:
    """The value of an expression, as far as it is written down."""
    if depth > _DEPTH:
        return Computed()
    match node:
        case ast.Name():
            return Name(node.id)
        case ast.Constant():
            return Constant(node.value)
        case ast.Attribute():
            return Attribute(_expr(node.value, depth + 1), node.attr)
        case ast.Call():
            return _call(node, depth)
        case ast.Subscript(value=value):
            return Item(_expr(value, depth + 1))
        case ast.IfExp(body=one, orelse=other):
            return Choice((_expr(one, depth + 1), _expr(other, depth + 1)))
        case ast.BoolOp(op=ast.Or(), values=values):
            return Choice(tuple(_expr(value, depth + 1) for value in values))
        case ast.NamedExpr(value=value) | ast.Await(value=value):
            return _expr(value, depth + 1)
        case ast.Lambda():
            return _lambda(node)
        case _:
            return _constant(node) or _display(node, depth)


def _call(node: ast.Call, depth: int) -> Call:
    return Call(
        _expr(node.func, depth + 1),
        tuple(_expr(argument, depth + 1) for argument in node.args),
        tuple((keyword.arg, _expr(keyword.value, depth + 1)) for keyword in node.keywords),
        _mark(node),
        tuple(_mark(value) for value in (*node.args, *(keyword.value for keyword in node.keywords))),
    )


def _display(node: ast.expr, depth: int) -> Expr:
    match node:
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return Mapping(tuple((_expr(k, depth + 1) if k else None, _expr(v, depth + 1)) for k, v in pairs))
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return Group(tuple(_expr(item, depth + 1) for item in items))
        case ast.Starred(value=value):
            return Group((_expr(value, depth + 1),))
        case _:
            return Computed()


def _constant(node: ast.expr) -> Constant | None:
    match node:
        case ast.Constant(value=value):
            return Constant(value)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Constant(value=value)):
            return Constant(not value)
        case ast.UnaryOp() | ast.Dict() | ast.List() | ast.Tuple() | ast.Set():
            try:
                return Constant(ast.literal_eval(node))
            except (ValueError, TypeError, RecursionError, MemoryError):
                return None
        case _:
            return None
