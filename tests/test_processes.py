"""Programs that we start: bounded in time and output, ended when they are no longer wanted, and heard when they fail."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from gatepost.errors import ProcessError
from gatepost.processes import Answered, Running, ask, run

PYTHON = sys.executable


def python(code: str) -> list[str]:
    """Give the words of a command that runs some Python."""
    return [PYTHON, "-c", code]


def test_a_program_is_run_to_its_end() -> None:
    """Exit code and both outputs, as text; what is no UTF-8 is replaced."""
    code = "import sys; sys.stdout.buffer.write(b'a\\xff'); print('e', file=sys.stderr)"
    finished = run(python(code), timeout=30)
    assert (0, "a\ufffd", "e\n") == (finished.status, finished.stdout, finished.stderr)


def test_words_are_words_and_no_shells_line() -> None:
    """Nothing in an argument is looked into."""
    assert "$(id); *" == run([*python("import sys; print(sys.argv[1], end='')"), "$(id); *"], timeout=30).stdout


def test_a_program_gets_no_input() -> None:
    """One that asks a person hears nobody."""
    assert "''" == run(python("import sys; print(repr(sys.stdin.read()), end='')"), timeout=30).stdout


def test_the_environment_is_an_argument() -> None:
    """The given one alone, or our own."""
    code = "import os; print(os.environ.get('GREETING'), 'PATH' in os.environ)"
    assert "hello False\n" == run(python(code), timeout=30, environment={"GREETING": "hello"}).stdout
    assert "None True\n" == run(python(code), timeout=30).stdout


def test_an_exit_code_is_a_failure_unless_it_is_expected() -> None:
    """With the program's own last words: what it said of errors, or else what it printed."""
    assert 1 == run(python("exit(1)"), timeout=30, expect=(0, 1)).status
    with pytest.raises(ProcessError) as failed:
        run(python("import sys; print('out'); print('why', file=sys.stderr); exit(4)"), timeout=30)
    assert (4, "why") == (failed.value.status, failed.value.detail)
    with pytest.raises(ProcessError, match="out"):
        run(python("print('out'); exit(4)"), timeout=30)


def test_last_words_are_the_last() -> None:
    """A program that says much is not repeated whole."""
    with pytest.raises(ProcessError) as failed:
        run(python("print('x' * 100_000 + 'end'); exit(1)"), timeout=30)
    assert failed.value.detail.endswith("xend")
    assert len(failed.value.detail) <= 2_000


def test_output_is_bounded() -> None:
    """A program that never stops talking is not kept whole."""
    assert len(run(python("print('x' * 10_000_000)"), timeout=30).stdout) < 5_000_000


def test_a_program_that_takes_too_long_is_ended() -> None:
    """After its time, with that said."""
    with pytest.raises(ProcessError, match=r"0\.2 s") as failed:
        run(python("import time; time.sleep(60)"), timeout=0.2)
    assert 124 == failed.value.status


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Missing, or not to be started: by name."""
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    for command, status, words in (("no-such-program", 127, "not installed"), (str(plain), 126, "cannot be started")):
        with pytest.raises(ProcessError, match=words) as failed:
            run([command], timeout=30)
        assert (command, status) == (failed.value.command, failed.value.status)
        with pytest.raises(ProcessError, match=words):
            Running([command], tmp_path / "log")


def is_alive(identifier: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(identifier, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_program_beside_us_ends_with_its_block(tmp_path: Path) -> None:
    """Also when the block breaks."""
    with Running(python("import time; time.sleep(60)"), tmp_path / "log") as running:
        running.insist()
        assert is_alive(running.identifier)
    assert not is_alive(running.identifier)
    with pytest.raises(ZeroDivisionError), Running(python("import time; time.sleep(60)"), tmp_path / "log") as running:
        raise ZeroDivisionError
    assert not is_alive(running.identifier)


def test_a_program_that_ended_by_itself_is_heard(tmp_path: Path) -> None:
    """With the last words of its log, which several runs may share."""
    log = tmp_path / "log"
    log.write_text("x" * 100_000, encoding="ascii")
    with Running(python("import sys; print('why', file=sys.stderr); exit(5)"), log) as running:
        assert 5 == running.wait()
        with pytest.raises(ProcessError, match="why") as failed:
            running.insist()
    assert 5 == failed.value.status
    assert len(failed.value.detail) <= 2_000


def test_a_program_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that it is given."""
    monkeypatch.setattr("gatepost.processes._GRACE", 0.2)
    ready = tmp_path / "ready"
    code = f"import signal, time; signal.signal(15, lambda *_: None); open({str(ready)!r}, 'w'); time.sleep(60); time.sleep(60)"
    with Running(python(code), tmp_path / "log") as running:
        while not ready.exists():
            running.insist()
    assert not is_alive(running.identifier)


# --- Programs that answer us ------------------------------------------------------------------------------------------


def answer_of(code: str, question: bytes = b"", timeout: float = 30, limit: int = 100) -> Answered:
    """Ask some Python."""
    return ask(python(code), question, timeout=timeout, limit=limit, environment={})


def test_a_question_of_any_size_is_answered() -> None:
    """More than a pipe holds, in both directions: bytes, as they are."""
    question = os.urandom(1 << 20)
    answered = ask(["/bin/cat"], question, timeout=30, limit=1 << 20, environment={})
    assert Answered(question, 0) == answered


def test_whoever_answers_has_nothing_of_ours() -> None:
    """No environment, no folder, no terminal, no other descriptor, a session of its own."""
    code = "import os; print([*os.environ], os.getcwd(), os.listdir('/proc/self/fd'), os.getsid(0) == os.getpid())"
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)  # noqa: FBT003 - its only argument.
    answered = answer_of(code)
    os.close(reading)
    os.close(writing)
    assert b"['LC_CTYPE'] / ['0', '1', '2', '3'] True\n" == answered.output


def test_an_answer_that_is_too_long_is_cut_and_its_program_killed() -> None:
    """One byte more shows that it was too long."""
    assert Answered(b"a" * 101, None) == answer_of("while True: print('a' * 9999, end='')")
    assert Answered(b"a" * 100, 0) == answer_of("print('a' * 100, end='')")


@pytest.mark.parametrize(
    "code",
    [
        "print('half', flush=True); import time; time.sleep(600)",
        "print('half', flush=True); import os, time; os.close(1); time.sleep(600)",
        "print('half', flush=True); import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()",
    ],
)
def test_whoever_takes_too_long_is_killed_and_what_was_said_counts(code: str) -> None:
    """Also who has closed the pipe and lives on."""
    assert Answered(b"half\n", None) == answer_of(code, timeout=1)


def test_what_a_program_has_started_goes_with_it() -> None:
    """Here a sleeper that would hold the pipe for ten minutes."""
    code = "import subprocess, time; print(subprocess.Popen(['/bin/sleep', '600']).pid, flush=True); time.sleep(600)"
    answered = answer_of(code, timeout=1)
    sleeper = int(answered.output)
    assert answered.status is None
    for _ in range(600):
        if not _lives(sleeper):
            return
        time.sleep(0.1)
    pytest.fail("it lives on")


def _lives(process: int) -> bool:
    """Tell whether a process is neither gone nor dead and only not yet buried."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_an_exit_code_and_a_signal_are_told() -> None:
    """Whoever asked judges them."""
    assert Answered(b"", 3) == answer_of("exit(3)")
    assert Answered(b"", -9) == answer_of("import os; os.kill(os.getpid(), 9)")


def test_a_program_that_is_not_there_is_said_to_be_that() -> None:
    """As when it is run."""
    with pytest.raises(ProcessError, match="is not installed"):
        ask(["/nowhere"], b"", timeout=30, limit=1, environment={})
