"""The four stages: sample, encode, score, rank. Each finds in the store what is done and does what is missing."""

from harness.stages.pipeline import Pipeline, Progress
from harness.stages.plan import FakeSet, ImageSource, Plan, RealSet
from harness.stages.ranking import Ranked

__all__ = ["FakeSet", "ImageSource", "Pipeline", "Plan", "Progress", "Ranked", "RealSet"]
