"""Claims are data: how a file of them is read, and which facts let two numbers be held against each other."""

import pytest

from harness.base.errors import UsageError
from harness.studies.reproduce.claims import Claim, Facts, load
from harness.studies.reproduce.comparable import match
from harness.studies.reproduce.rows import groups
from harness.studies.reproduce.words import CORRECTED, EACH_CHOICE, apart_words, within_words

SAID = {
    "metric": "fid",
    "protocol": "clean",
    "dataset": "faces",
    "resolution": 64,
    "reference_split": "train",
    "n_real": 200,
    "n_fake": 200,
    "selection": "single",
}


def claim(name="reported", value=11.07, decimals=2, **changed):
    made = {**SAID, "id": name, "model": "gan", "value": value, "decimals": decimals, "source": "a paper", **changed}
    return Claim.model_validate(made)


def again(value=11.07, std=0.10, seeds=10, **changed):
    return claim("again", value, selection="mean", seeds=seeds, std=std, std_decimals=2, **changed)


def written(folder, body, head="title: t\n"):
    path = folder / "claims.yaml"
    path.write_text(head + body)
    return path


ROW = "claims:\n  - {id: a, model: m, metric: fid, value: 7.40, source: s}\n"


def test_the_text_of_a_number_says_how_it_was_rounded(tmp_path):
    for text, decimals, rounding in (("7.40", 2, 0.005), ("7.4", 1, 0.05), ("7", 0, 0.5), ("-2.9e-05", 6, 5e-7)):
        one = load(written(tmp_path, ROW.replace("7.40", text))).claims[0]
        assert (one.decimals, one.rounding) == (decimals, pytest.approx(rounding))
        assert one.value == float(text)
    bound = load(written(tmp_path, ROW.replace("7.40", '"< 2.0"'))).claims[0]
    assert (bound.value, bound.bound, bound.decimals, bound.rounding) == (2.0, "below", 1, 0.0)
    assert load(written(tmp_path, ROW.replace("7.40", "7.40, decimals: 1"))).claims[0].rounding == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            ROW.replace("7.40", "seven"),
            "claims.yaml:3:43: claims.0.value: found the text 'seven'; expected a number as it was",
        ),
        (ROW.replace("metric: fid", "metric: fidd"), "claims.0.metric: found the text 'fidd'; did you mean 'fid'?"),
        (ROW.replace("source: s", "source: s, protocol: cleen"), "no protocol 'cleen'; did you mean 'clean'?"),
        (ROW.replace("source: s", "source: s, protocol: prdc"), "the protocol 'prdc' has no fid"),
        (ROW.replace(", source: s", ""), "claims.0.source: this key is missing"),
        (ROW.replace("source: s", "source: s, std: .1"), "claims.0.std: `seeds`, how many runs"),
        (ROW.replace("source: s", "source: s, selection: mean"), "`seeds`, the number of evaluations"),
        (ROW.replace("source: s", "source: s, sead: 1"), "claims.0.sead: unknown key; did you mean 'seeds'?"),
        (ROW.replace("source: s", "source: s, inferred: [protokol]"), "no fact 'protokol'; did you mean 'protocol'?"),
        (ROW + "  - {id: a, model: m, metric: fid, value: 1, source: s}\n", "claims.1.id: 'a' is already at"),
        ("common: {metric: 3}\n" + ROW, "claims.yaml:2:18: common.metric"),
        ("claims: []\n", "expected a list of at least one claim"),
    ],
)
def test_a_mistake_is_said_with_its_line(tmp_path, body, words):
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, body))
    assert any(words in line for line in caught.value.problems), caught.value.problems
    assert all(line.startswith(str(tmp_path / "claims.yaml") + ":") for line in caught.value.problems)


@pytest.mark.parametrize("wrong", ["metric: fidd", "metric: fid, n_fake: many", "metric: fid, sead: 1"])
def test_a_mistake_in_common_is_said_once_and_those_of_the_claims_beside_it(tmp_path, wrong):
    rows = "".join(f"  - {{id: {name}, model: m, value: 1, source: s}}\n" for name in "abc")
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, f"common: {{{wrong}}}\nclaims:\n{rows}"))
    (only,) = caught.value.problems
    assert ": common." in only
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, f"common: {{{wrong}}}\nclaims:\n{rows.replace('id: b, model: m', 'id: b')}"))
    assert [line.split(": ")[1] for line in caught.value.problems] == [only.split(": ")[1], "claims.1.model"]


def test_what_is_common_counts_unless_a_claim_says_otherwise(tmp_path):
    body = "common: {metric: fid, n_fake: 10, protocol: clean}\nclaims:\n"
    body += "  - {id: a, model: m, value: 1, source: s}\n"
    body += "  - {id: b, model: m, value: 1, source: s, n_fake: null, pipeline: mine}\n"
    one, other = load(written(tmp_path, body)).claims
    assert (one.n_fake, one.protocol) == (10, "clean")
    assert (other.n_fake, other.protocol, other.pipeline) == (None, None, "mine")


@pytest.mark.parametrize(
    ("changed", "fact"),
    [
        ({"protocol": "clean-legacy-tensorflow"}, "protocol"),
        ({"dataset": "cats"}, "dataset"),
        ({"resolution": 1024}, "resolution"),
        ({"reference_split": "test"}, "reference_split"),
        ({"n_real": 100}, "n_real"),
        ({"n_fake": 100}, "n_fake"),
        ({"selection": "minimum_over_checkpoints"}, "selection"),
        ({"metric": "kid"}, "metric"),
    ],
)
def test_each_condition_alone_makes_numbers_not_comparable_or_undecided(changed, fact):
    one, same = Facts(**SAID), Facts(**SAID)
    assert match(one, same).verdict == "comparable"
    differing = match(one, Facts(**{**SAID, **changed}))
    assert differing.verdict == "not comparable"
    assert [d.fact for d in differing.differs] == [fact]
    if fact != "metric":
        silent = match(one, Facts(**{**SAID, fact: None}))
        assert (silent.verdict, silent.missing) == ("cannot be decided", (fact,))


def test_all_of_a_split_and_a_count_are_the_same_only_where_somebody_said_so():
    everything = Facts(**{**SAID, "n_real": "all"})
    for known, verdict in ((True, "comparable"), (False, "not comparable"), (None, "cannot be decided")):
        counted = Facts(**{**SAID, "whole_split": known})
        assert match(everything, counted).verdict == match(counted, everything).verdict == verdict


def test_a_best_of_three_is_comparable_only_for_one_who_corrects_it():
    one, best = Facts(**SAID), Facts(**{**SAID, "selection": "best_of_three", "seeds": 3})
    assert match(one, best).verdict == "comparable"
    assert [d.fact for d in match(one, best, corrected=False).differs] == ["selection"]
    assert match(best, best, corrected=False).verdict == "comparable"
    rows = [claim("one"), claim("mean", selection="mean", seeds=10), claim("best", selection="best_of_three")]
    found = groups(rows)
    assert [[row.id for row in group.claims] for group in found] == [["one", "mean"], ["best"]]
    assert [(apart.verdict, apart.facts) for apart in found[0].apart] == [("not comparable", ("selection",))]
    (between,) = found[0].apart
    assert between.tested  # a verdict corrects it, which the table says
    assert apart_words(found[0]) == [f"with [2]: not comparable as printed, differs in selection{CORRECTED}"]


def test_the_table_says_where_a_verdict_goes_further_than_the_numbers_as_printed():
    one, silent, other = groups([claim("one"), claim("silent", selection=None), claim("two", selection="unknown")])
    assert apart_words(one)[0] == f"with [2], [3]: cannot be decided as printed, not said: selection{EACH_CHOICE}"
    assert within_words(silent) == f"cannot be decided as printed, not said: selection{EACH_CHOICE}"
    assert other.within.missing == ("selection",)
    # Negative controls: a best over checkpoints, and a second fact that is not said.
    one, _ = groups([claim("one"), claim("best", selection="minimum_over_checkpoints")])
    assert apart_words(one) == ["with [2]: not comparable, differs in selection"]
    one, less = groups([claim("one"), claim("less", selection=None, n_real=None)])
    assert apart_words(one) == ["with [2]: cannot be decided, not said: n_real, selection"]
    assert within_words(less) == "cannot be decided, not said: n_real, selection"
    # A verdict on these waits for what is not said, not for how they were chosen.
    one, _ = groups([claim("one", protocol=None), claim("best", selection="best_of_three")])
    assert apart_words(one) == ["with [2]: cannot be decided, not said: protocol"]


def test_a_pipeline_in_words_may_be_a_protocol_or_one_of_ours_and_ours_is_known_to_be_no_protocol():
    def way(protocol=None, pipeline=None):
        return Facts(**{**SAID, "protocol": protocol, "pipeline": pipeline})

    assert match(way("clean"), way(pipeline="a script")).missing == ("protocol",)
    assert match(way(), way(pipeline="harness 01")).missing == ("protocol",)
    assert match(way(pipeline="a script"), way(pipeline="harness 01")).missing == ("protocol",)
    assert match(way(pipeline="a script"), way(pipeline="a script")).verdict == "comparable"
    assert [d.fact for d in match(way(pipeline="a script"), way(pipeline="b")).differs] == ["protocol"]
    assert [d.fact for d in match(way("clean"), way(pipeline="harness 01")).differs] == ["protocol"]
    assert match(way(pipeline="harness 01"), way(pipeline="harness 01")).verdict == "comparable"
    assert match(way(pipeline="harness 01"), way(pipeline="harness 02")).verdict == "not comparable"


def test_a_known_difference_decides_whatever_else_is_not_said():
    found = match(Facts(**SAID), Facts(**{**SAID, "dataset": "cats", "protocol": None}))
    assert found.verdict == "not comparable"
    assert "dataset differs (faces / cats)" in found.words
    assert "not said: protocol" in found.words


def test_only_the_parts_of_a_protocol_that_make_the_number_count():
    # These two share features and FID; improved-pr's network is another.
    one, other = Facts(**SAID), Facts(**{**SAID, "protocol": "clean-legacy-pytorch"})
    assert match(one, other).differs[0].details
    assert any(line.startswith("resize.filter: bicubic / bilinear") for line in match(one, other).differs[0].details)
    assert not any(line.startswith("kid.") for line in match(one, other).differs[0].details)


def test_an_inception_score_has_no_reference_to_differ_in():
    said = {**SAID, "metric": "inception_score", "protocol": "torch-fidelity"}
    assert match(Facts(**said), Facts(**{**said, "reference_split": "test", "n_real": None})).verdict == "comparable"
