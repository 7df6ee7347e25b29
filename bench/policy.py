"""What it costs to evaluate one policy of two conditions, beside three engines that people use for that, on the same facts.

Each request has facts of its own, so they are handed over anew each time, in the form that each engine takes; policies are compiled
beforehand. The engines are in an environment of their own (``requirements-bench.lock``), which ``make bench`` makes.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from bench.harness import Bound, Comparison, Figure, MeasureError, Sense, Side
from bench.processor_time import of_calls
from gatepost.core.check import Evidence
from gatepost.core.evaluation import Status
from gatepost.core.matching import Asker, Standing, compile_policy
from gatepost.core.policy import Binding, Decision, EmailDomain, Policy, Posture, Rules
from gatepost.core.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CALLS: Final = 20_000
_NOW: Final = 1_800_000_000_000
_FACTS: Final[dict[str, Any]] = {
    "email": "ada@example.com",
    "now": _NOW,
    "managed": {"status": "pass", "ends_at": _NOW + 600_000},
}
_WHAT: Final = (
    "A policy that asks for an address of one domain and for an unexpired pass of one check, both of which are so"
)


def measure(_folder: Path) -> tuple[Figure, ...]:
    """Measure beside each engine."""
    engines = {"CEL": _cel(), "regorus": _regorus(), "Cedar": _cedar()}
    return tuple(
        Comparison(
            name=f"one policy, beside {name}",
            subject=Side(f"{_WHAT}: an `Asker`, and `CompiledPolicy.matches`", partial(of_calls, _ours(), _CALLS)),
            anchor=Side(
                f"the same rule in {name}, compiled beforehand, with the same facts handed over",
                partial(of_calls, evaluate, calls),
            ),
            unit="an evaluation",
            bound=Bound(Sense.AT_LEAST, 5.0),
        ).run()
        for name, (evaluate, calls) in engines.items()
    )


def _ours() -> Callable[[], object]:
    rules = Rules(include=(EmailDomain("example.com"),), require=(Posture("managed"),))
    compiled = compile_policy(Policy(id="p", name="p", decision=Decision.ALLOW, rules=rules), {})
    result = Result(
        status=Status.PASS,
        reasons=(),
        evidence=Evidence.POSSESSION,
        check_version=1,
        certificate=None,
        measured_at=_NOW - 1_000,
        judged_at=_NOW - 1_000,
        ends_at=_NOW + 600_000,
    )
    standings = {"managed": Standing(result=result)}

    def evaluate() -> object:
        asker = Asker(
            now=_NOW, email="ada@example.com", registration="r", binding=Binding.MUTUAL_TLS, standings=standings
        )
        return compiled.matches(asker)

    return _sure(evaluate)


def _cel() -> tuple[Callable[[], object], int]:
    cel = _engine("cel")
    rule = 'email.endsWith("@example.com") && managed.status == "pass" && now < managed.ends_at'
    program = cel.compile(rule)
    return _sure(lambda: program.execute(_FACTS)), _CALLS


def _regorus() -> tuple[Callable[[], object], int]:
    engine = _engine("regorus").Engine()
    engine.add_policy(
        "p.rego",
        "package p\nimport rego.v1\ndefault allow := false\nallow if {\n"
        '  endswith(input.email, "@example.com")\n  input.managed.status == "pass"\n  input.now < input.managed.ends_at\n}\n',
    )

    def evaluate() -> object:
        engine.set_input(_FACTS)
        return engine.eval_rule("data.p.allow")

    return _sure(evaluate), _CALLS


def _cedar() -> tuple[Callable[[], object], int]:
    cedar = _engine("cedarpy")
    policy = cedar.PolicySet.from_str(
        'permit(principal, action, resource) when { context.email like "*@example.com" '
        '&& context.managed.status == "pass" && context.now < context.managed.ends_at };'
    )
    asked = {"principal": 'User::"ada"', "action": 'Action::"get"', "resource": 'App::"wiki"', "context": _FACTS}
    entities = cedar.Entities.from_json_str("[]")
    return _sure(lambda: cedar.is_authorized(asked, policy, entities).decision == cedar.Decision.Allow), _CALLS // 20


def _engine(name: str) -> Any:  # noqa: ANN401 - a module without types.
    try:
        return import_module(name)
    except ImportError:
        raise MeasureError(f"{name} is not in this environment; `make bench` has one with it") from None


def _sure(evaluate: Callable[[], object]) -> Callable[[], object]:
    """Return the call, once it has said yes: whatever is refused may be refused for another reason."""
    if evaluate() is not True:
        raise MeasureError("the policy is not met, although it should be")
    return evaluate
