"""What people are told of findings: everything, but of many alike the first."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.errors import FIRST, MANY, Diagnostic, Severity, told

SEVERITIES: tuple[Severity, ...] = ("error", "warning")


def finding(code: str, place: int, what: str, severity: Severity = "warning") -> Diagnostic:
    return Diagnostic(code=code, where=f"{place}.png", what=what, severity=severity)


FINDINGS = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from(["empty", "cut"]), st.sampled_from(SEVERITIES))
).map(lambda them: [finding(code, i, what, how) for i, (code, what, how) in enumerate(them)])


@settings(max_examples=50, deadline=None)
@given(FINDINGS, st.integers(1, 3))
def test_nothing_is_lost_and_the_order_stays(found: list[Diagnostic], times: int) -> None:
    found = [finding for finding in found for _ in range(times)]
    shown = told(found)
    left = iter(found)
    assert all(one.finding in left for one in shown)  # a part of them, in their order
    for code in "AB":
        for severity in SEVERITIES:
            kind = (code, severity)
            alike = sum((d.code, d.severity) == kind for d in found)
            mine = [one for one in shown if (one.finding.code, one.finding.severity) == kind]
            assert len(mine) == (alike if alike <= MANY else FIRST)
            assert len(mine) + sum(one.more for one in mine) == alike
            assert not any(one.more for one in mine[:-1])


def test_what_is_unlike_is_not_hidden_by_many() -> None:
    many = [finding("A", i, "empty") for i in range(5000)]
    many[4321] = finding("A", 4321, "cut")
    shown = told([*many, finding("B", 0, "other")])
    names = [one.finding.where for one in shown]
    assert names == ["0.png", "1.png", "2.png", "3.png", "4321.png", "0.png"]
    assert [one.rest for one in shown] == [*[""] * 4, "warning[A] and 4,995 more like this", ""]
