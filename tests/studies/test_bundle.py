"""`harness submit` and `harness verify BUNDLE`: checked without the images, and forgery is seen."""

import json
import shutil
import zipfile

import pytest
from click.testing import CliRunner

from harness.base.errors import UsageError
from harness.cli.main import main
from harness.studies.verify.bundle import PAGE, verify_bundle, write_bundle


@pytest.fixture
def out(finished, tmp_path):
    return shutil.copytree(finished.folder / "results/small", tmp_path / "run")


@pytest.fixture
def bundle(finished, tmp_path):
    write_bundle(finished.folder / "results/small", tmp_path / "run.zip")
    return tmp_path / "run.zip"


def changed(bundle, target, edit):
    """The bundle with one file changed, and bundle.json left as it is."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            kept = edit(name, content)
            if kept is not None:
                new.writestr(name, kept)
    return target


def test_a_bundle_is_verified_and_says_what_takes_the_images(bundle):
    told = CliRunner().invoke(main, ["verify", str(bundle)])
    assert told.exit_code == 0, told.output
    assert "Verified: the files of" in told.stdout
    assert "a bundle holds their digests, not the images" in told.stdout
    assert "whether samples were chosen" in told.stdout
    assert CliRunner().invoke(main, ["verify", str(bundle), "--all"]).exit_code == 2


def test_the_same_run_gives_the_same_bytes(finished, bundle, tmp_path):
    write_bundle(finished.folder / "results/small", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def test_a_forged_number_is_seen_even_where_all_digests_are_made_to_fit(out, tmp_path):
    from harness.pipeline import lockfile, ownership

    path = out / "records.jsonl"
    lines = path.read_text().splitlines()
    record = json.loads(lines[0])
    record["estimate"]["value"] -= 0.5 * record["estimate"]["se"]
    path.write_text("\n".join([json.dumps(record), *lines[1:]]) + "\n")
    ownership.write_receipt(out, lockfile.read_lock(out))
    with pytest.raises(UsageError, match="its files are inconsistent"):
        write_bundle(out, tmp_path / "forged.zip")


def test_a_changed_file_and_one_that_was_slipped_in_are_named(bundle, tmp_path):
    def edit(name, content):
        return content.replace(b"kde", b"KDE") if name == "leaderboard.md" else content

    found = verify_bundle(changed(bundle, tmp_path / "c.zip", edit))
    assert found.exit_code == 1
    assert f"leaderboard.md: differs from {PAGE}" in found.damaged
    with zipfile.ZipFile(tmp_path / "c.zip", "a") as archive:
        archive.writestr("more.txt", "x")
    assert f"more.txt: is not listed in {PAGE}" in verify_bundle(tmp_path / "c.zip").damaged


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "a/../../out.txt"])
def test_a_bundle_writes_nothing_outside_of_its_folder(bundle, tmp_path, name):
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr(name, "x")
    with pytest.raises(UsageError, match="points outside it"):
        verify_bundle(bundle)


def test_what_is_no_bundle_is_refused(bundle, tmp_path):
    (tmp_path / "no.zip").write_bytes(b"no zip")
    with pytest.raises(UsageError, match="is not a readable bundle"):
        verify_bundle(tmp_path / "no.zip")
    without = changed(bundle, tmp_path / "w.zip", lambda name, content: None if name == PAGE else content)
    with pytest.raises(UsageError, match=f"is not a bundle: no {PAGE}"):
        verify_bundle(without)
