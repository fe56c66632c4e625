"""What studies say of many generators, settings and claims: a sentence names five at most, a table has them all."""

import re

from harness.studies.audit.words import brief
from harness.studies.reproduce.result import by_themselves, family
from harness.studies.reproduce.words import answer, family_words
from harness.studies.rerank import lines, of_scores, reranked
from tests.studies.test_audit_verdict import audited, change
from tests.studies.test_claims_verdicts import claim, judge, run_of, single


def test_an_audit_names_the_five_settings_that_move_most():
    changes = [change(f"setting{i}", name, 40 - i, 0.5) for i in range(9) for name in ("a", "b", "c")]
    unshown = [change(f"still{i}", name, 0.1, 5.0) for i in range(8) for name in ("a", "b", "c")]
    told = brief(audited(*changes, *unshown), "pixels", {})
    headline = told.splitlines()[0]
    for sentence in headline.split(". "):
        assert len(re.findall(r"\bsetting\d", sentence)) <= 5, sentence
        assert len(re.findall(r"\bstill\d", sentence)) <= 5, sentence
    assert "setting0 by " in headline
    assert "and 4 more. " in headline
    assert "or 3 more is shown beyond noise" in headline
    assert all(f"\n  setting{i} " in told for i in range(9)), "the list below has them all"


def test_a_reproduction_names_five_of_many_claims():
    judged = [judge(claim(f"claim{i}", 9.0), [], [run_of(single(2.0))]) for i in range(12)]
    tests = family(judged)
    for said in (answer(judged, by_themselves(judged, tests, 0.95)), family_words(tests, 0.95)):
        assert len(re.findall(r"claim\d", said)) == 5, said
        assert "and 7 more" in said


def test_a_reranking_names_five_of_many_pairs(tmp_path):
    rows = [f"g{i},{encoder},{i if encoder == 'up' else 9 - i},0.01" for i in range(8) for encoder in ("up", "down")]
    (tmp_path / "scores.csv").write_text("\n".join(["generator,encoder,value,se", *rows]) + "\n")
    found = reranked(of_scores(tmp_path / "scores.csv", False, 0), level=0.95)
    told = lines(found)
    assert len(re.findall(r"prefers g\d to g\d", told[0])) == 5
    assert "and 23 more" in told[0]
    (row,) = [line for line in told if line.startswith("  up, down ")]
    assert row.endswith(" 28")
    (line,) = [line for line in lines(found, details=True) if "ordered the other way" in line]
    assert len(re.findall(r"g\d/g\d", line)) == 5
    assert line.endswith("and 23 more")
