"""The four stages: sample, encode, score, rank. Each finds in the store what is done and does what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.pipeline import lockfile, ownership, provenance, results
    from harness.pipeline.decoded import keep as keep_decoded
    from harness.pipeline.encode import load_features, rows_of
    from harness.pipeline.exchangeable import Unlike, unlike_reference
    from harness.pipeline.execution import Execution
    from harness.pipeline.executors.inline import InlineExecutor, one_thread_here
    from harness.pipeline.executors.local import default_workers
    from harness.pipeline.executors.table import executor as executor_of
    from harness.pipeline.executors.work import Asked, Executor, Failure
    from harness.pipeline.finished import FinishedRun, open_run
    from harness.pipeline.groups import marked
    from harness.pipeline.labels import pool_labels, real_labels, stored_labels
    from harness.pipeline.leaderboard import Leaderboard
    from harness.pipeline.names import file_names, stored_names
    from harness.pipeline.nearest import Nearest, nearest_images
    from harness.pipeline.numerics import load_again, unmoved
    from harness.pipeline.on_device import OnDevice, processor_of
    from harness.pipeline.pinning import pin
    from harness.pipeline.places import BucketPlace, StorePlace, default_store, open_store, store_place
    from harness.pipeline.plan import Plan, declared
    from harness.pipeline.planned import FakeSet, PlannedSet, RealSet, plain
    from harness.pipeline.published import begin_run, bring_run, mirror_of, publish_run
    from harness.pipeline.rank import Ranked
    from harness.pipeline.receipt import receipt_of
    from harness.pipeline.registration import register as write_registration
    from harness.pipeline.rows import Chosen, Column, Row, Sized, copies_reference
    from harness.pipeline.rowtext import rank_text, seeds_text, shown
    from harness.pipeline.sample import drawn_images, first_images, load_images, order_of_files, read_images
    from harness.pipeline.schemas import leaderboard_schema, lock_schema, metrics_schema, record_schema
    from harness.pipeline.score import load_analyses, load_groups, metric_call, real_side, score_rows, target_of
    from harness.pipeline.sharing import Sharing, share_of
    from harness.pipeline.stages import Pipeline, Progress, Silent, failure_lines
    from harness.pipeline.store import Store
    from harness.pipeline.swept import costs
    from harness.pipeline.units import Share, name_of

__getattr__ = door(__name__)
