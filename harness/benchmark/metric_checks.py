"""What metrics ask of the other parts of a benchmark: enough images, encoders with the features that they read."""

from __future__ import annotations

from collections.abc import Mapping

from harness.base import unknown
from harness.benchmark.datasets import PinnedDataset
from harness.benchmark.entries import Entry, MetricEntry
from harness.benchmark.parts import Parts


def reads(metric: MetricEntry, encoder: Entry, *, by_name: bool = True) -> bool:
    """Whether a metric that reads one kind of features gets it from an encoder.

    Who names the metric beside an encoder of his own vouches for its features; who names a set of metrics does not.
    """
    layers, component = metric.component.reads, encoder.component
    if not layers:
        return True
    if component.layers:
        return encoder.parameters.get("layer") in layers
    # A file or a class of the user's own, whose word is taken: `classes`, or the width by itself.
    unknown_features = component.origin != "built-in" or component.of_a_file
    return by_name and unknown_features and metric.parameters.get("classes", 0) is not None


def not_apart(data: PinnedDataset, training: str, reference: str) -> str:
    """Why a dataset has no training split apart from the reference, as metrics of memorisation need; empty if it has.

    Splits under two names that hold some of the same images are found when features are scored.
    """
    need = "compares generated images with training images and with held-out real ones"
    if {training, reference} & data.unsound:
        return ""  # what is wrong with it is said
    if training not in data.splits:
        return (
            f"{need}, and dataset {data.name} has no split '{training}' (`training_split`): pin the "
            "training images of the generators as a split of it, or use authenticity"
        )
    if training == reference or data.splits[training].digest == data.splits[reference].digest:
        return f"{need}, but `reference_split` is the training split here; add a split of held-out images"
    return ""


class MetricChecks(Parts):
    """Metrics against set sizes, encoders and `rank_by`."""

    def run(self) -> None:
        """Note every contradiction."""
        self._neighbours()
        self._parts()
        self._encoders()
        self._layers()
        self._roles()
        self._rank_by()

    def _neighbours(self) -> None:
        sizes = [size for key in ("n_real", "n_fake") if (size := self.sound(key)) is not None]
        for name, entry in self.entries("metrics").items():
            k = entry.parameters.get("k") if entry.component.origin == "built-in" else None
            # Intervals come from halves of both sets, and there too an image needs k others.
            if k is not None and sizes and k > min(sizes) // 2 - 1:
                most = min(sizes) // 2 - 1
                text = f"{k} is too large for {min(sizes)} images: intervals use half-samples, so at most {most}"
                self.document.complain(("metrics", name, "k"), text)

    def _parts(self) -> None:
        """Subsets and splits that the sets are too small for."""
        n_real, n_fake = self.sound("n_real"), self.sound("n_fake")
        for name, entry in self.entries("metrics").items():
            if entry.component.origin != "built-in":
                continue
            size = entry.parameters.get("subset_size")
            least = min((n for n in (n_real, n_fake) if n is not None), default=None)
            if size is not None and least is not None and size > least:
                self._complain_of(name, "subset_size", f"{size} is too large for {least} images; at most {least}")
            if n_fake is None or "splits" not in entry.parameters:
                continue
            splits, part = entry.parameters["splits"], entry.parameters["split_size"]
            if part is None and splits > n_fake // 2:
                text = (
                    f"{splits} is too large for {n_fake} generated images: each split needs two, so at "
                    f"most {n_fake // 2}"
                )
                self._complain_of(name, "splits", text)
            if part is not None and n_fake % part == 1:
                text = f"{part} leaves one image in the last split of {n_fake}; choose another size"
                self._complain_of(name, "split_size", text)

    def _complain_of(self, metric: str, parameter: str, text: str) -> None:
        written = self.document.has("metrics", metric, parameter)
        location = ("metrics", metric, parameter) if written else ("metrics", metric)
        self.document.complain(location, text if written else f"{parameter}: {text}", key=not written)

    def _encoders(self) -> None:
        """Encoders that metrics are for are declared, and none is encoded for nothing."""
        declared = self.document.value.get("encoders")
        if not isinstance(declared, Mapping):
            return
        for name, metric in self.entries("metrics").items():
            for i, encoder in enumerate(metric.encoders or ()):
                if encoder not in declared:
                    text = unknown("encoder", encoder, declared, place="this benchmark")
                    self.document.complain(("metrics", name, "encoders", i), text)
        if not self.document.sound("metrics"):
            return
        for encoder in self.entries("encoders"):
            if self.entries("metrics") and not self.metrics_of(encoder):
                text = "no metric uses it; add it to the `encoders` of a metric, or remove it"
                self.document.complain(("encoders", encoder), text, key=True)

    def _layers(self) -> None:
        """Some metrics read one kind of features: class logits, or positions."""
        encoders = self.entries("encoders").values()
        for metric in self.entries("metrics").values():
            fitting = [encoder.name for encoder in encoders if reads(metric, encoder)]
            asked = [encoder for encoder in encoders if metric.encoders is None or encoder.name in metric.encoders]
            for encoder in asked:
                if encoder.name in fitting:
                    continue
                layer = f", layer {encoder.parameters['layer']}" if encoder.component.layers else ""
                own = " or, for an encoder of your own, `classes`" if "classes" in metric.parameters else ""
                read = " or ".join(f"layer {layer}" for layer in metric.component.reads)
                text = (
                    f"{metric.use} reads {read} of inception{own}, not {encoder.component.name}{layer} (encoder "
                    f"{encoder.name}); restrict it with `encoders: [{', '.join(fitting) or '…'}]`"
                )
                self.document.complain(("metrics", metric.name), text, key=True)

    def _roles(self) -> None:
        """Metrics of memorisation have a training split apart from the reference."""
        for name, metric in self.entries("metrics").items():
            if metric.component.trains and self.data is not None and (reason := self._not_apart(self.data)):
                self.document.complain(("metrics", name), f"{metric.use} {reason}", key=True)

    def _not_apart(self, data: PinnedDataset) -> str:
        training, reference = self.sound("training_split", "train"), self.sound("reference_split", "reference")
        return "" if training is None or reference is None else not_apart(data, training, reference)

    def _rank_by(self) -> None:
        by = self.values.get("rank_by")
        if not isinstance(by, Mapping):
            return
        for key, kind in (("metric", "metrics"), ("encoder", "encoders")):
            declared, chosen = self.document.value.get(kind), by.get(key)
            if isinstance(declared, Mapping) and declared and isinstance(chosen, str) and chosen not in declared:
                text = unknown(key, chosen, declared, place="this benchmark")
                self.document.complain(("rank_by", key), text)
        metric = self.entries("metrics").get(str(by.get("metric")))
        encoder = by.get("encoder")
        named = metric.encoders if metric is not None and isinstance(encoder, str) else None
        if metric is not None and named is not None and encoder in self.entries("encoders") and encoder not in named:
            text = (
                f"{metric.name} is computed only under {', '.join(named)}, not under the encoder that "
                f"ranks; name {encoder} in metrics.{metric.name}.encoders, or rank by another"
            )
            self.document.complain(("rank_by", "metric"), text)
        interval = self.values.get("interval")
        target = interval.get("target") if isinstance(interval, Mapping) else None
        if target == "T_inf" and metric is not None and metric.component.limitless:
            fixed = " at a fixed k" if "k" in metric.parameters else ""
            text = f"T_inf is not possible: {metric.name}, which ranks, has no population value{fixed}; use T_N"
            self.document.complain(("interval", "target"), text)
