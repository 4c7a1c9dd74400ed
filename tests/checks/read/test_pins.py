"""Pins and markers are compared as pip compares them, whatever the machine that snitch runs on."""

from __future__ import annotations

import pytest

from checks.read.pins import can_hold_together, is_same, satisfies


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1.0", "1.0.0", True),
        ("1.0", "1.0+cpu", True),
        ("1.0+cu1", "1.0+cpu", False),
        ("1.0", "1.1", False),
        ("x", "x", True),
    ],
)
def test_pins_are_the_same_where_one_version_meets_both(one: str, other: str, same: bool) -> None:
    assert is_same(one, other) is same is is_same(other, one)


def test_a_version_meets_specifiers() -> None:
    assert satisfies("1.5", [(">=", "1"), ("<", "2")])
    assert satisfies("2.0rc1", [(">=", "1")])
    assert not satisfies("2.0", [("<", "2")])
    assert not satisfies("none", [("<", "2")])


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (None, None, "yes"),
        (None, "python_version < '3.8'", "yes"),
        ("python_version < '3.8'", "python_version >= '3.8'", "no"),
        ("python_version < '3.8'", "python_version > '3.6'", "yes"),
        ("python_version == '3.40'", "python_version > '3.30'", "yes"),
        ("python_full_version < '3.8.7'", "python_full_version >= '3.8.7'", "no"),
        ("python_full_version < '3.8.7'", "python_version == '3.8'", "yes"),
        ("sys_platform == 'linux'", "platform_system == 'Darwin'", "no"),
        ("sys_platform == 'win32'", "os_name == 'nt'", "yes"),
        ("sys_platform != 'linux'", "sys_platform != 'darwin'", "yes"),
        ("platform_machine == 'x86_64'", "platform_machine != 'x86_64'", "no"),
        ("platform_machine == 'riscv64'", "sys_platform == 'linux'", "yes"),
        ("platform_python_implementation == 'PyPy'", "implementation_name == 'cpython'", "no"),
        (
            "python_version < '3.8' and sys_platform == 'linux'",
            "python_version < '3.8' and sys_platform == 'win32'",
            "no",
        ),
        ("extra == 'a'", "python_version < '3.8'", "unknown"),
        ("platform_release == '5'", None, "unknown"),
        ("not a marker", None, "unknown"),
        ("(" * 5000, None, "unknown"),
    ],
)
def test_markers_hold_together_where_there_is_such_a_machine(one: str | None, other: str | None, together: str) -> None:
    assert can_hold_together(one, other) == together == can_hold_together(other, one)
