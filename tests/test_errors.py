import pytest

from kdae.errors import UserError, run_main


@pytest.mark.parametrize(
    ("raised", "status", "printed"),
    [
        (UserError("a.png: broken\n  at byte 3"), 2, "error: a.png: broken at byte 3\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_ends_with_one_line(
    raised: BaseException, status: int, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: object) -> int:
        raise raised

    with pytest.raises(SystemExit) as ended:
        run_main(main)
    assert ended.value.code == status
    assert capsys.readouterr().err == printed


@pytest.mark.parametrize("status", [0, 1])
def test_passes_the_status_on(status: int) -> None:
    seen = []

    def main(argv: object) -> int:
        seen.append(argv)
        return status

    with pytest.raises(SystemExit) as ended:
        run_main(main)
    assert ended.value.code == status
    assert seen == [None]


def test_a_bug_keeps_its_traceback() -> None:
    def main(argv: object) -> int:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        run_main(main)
