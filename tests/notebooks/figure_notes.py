"""Why figures of ours lie apart from the reported ones: the words of notebooks/results/README.md."""

import re
from typing import NamedTuple

HEAD = """# Every reported figure, and ours

Five course documents, E0 to E4, report {figures} figures of their own code. Here each stands beside ours. A few tables are ours
alone, where the documents have only pictures or arguments (reported: –).

* `python -m nncore experiments E0 E1 E2 E3 E4` runs the experiments and writes the files of this folder: `EN.json` has every
  run with its curves, `EN.csv` the figures, also the {more} that no document reports. MNIST and CIFAR-10 are looked for in `$NNCORE_DATA`.
* `python tests/notebooks/readme_figures.py` writes this page and the short table of the project's README from those files; a
  test fails when they are out of date.

**ours** is the mean ± standard deviation over the runs, each with a seed of its own: other first weights and another order of the samples, in
E1 and in the small nets of E0 and E3 other data as well. **difference** is ours minus reported. A row has a **note** when the
difference is larger than our standard deviation and the rounding of the reported figure together, as in {apart} of the {figures} rows. That is a strict measure: the
reported figures are single runs with unknown seeds, so a third of them would get a note if they came from the very same code, and where there is one run of ours, any difference does.
"""


class Note(NamedTuple):
    """Of one experiment: patterns of tables, settings and metrics, and a line or two."""

    experiment: str
    tables: str
    text: str
    settings: str = ".*"
    metrics: str = ".*"

    def covers(self, key):
        experiment, *names = key
        patterns = (self.tables, self.settings, self.metrics)
        return experiment == self.experiment and all(map(re.fullmatch, patterns, names))


NOTES = {
    "E0a": Note(
        "E0",
        "dcn_runs",
        "One run there and one here. On 10 000 images two equally good nets with 99 % differ by 0.0014 (one standard deviation), "
        "with 96 to 97 % by 0.0025; the test figures lie within twice that.",
        "[ABDE]: .*",
        "final_test_accuracy",
    ),
    "E0b": Note(
        "E0",
        "dcn_runs",
        "The report does not say which 5000 images it held back. Ours are the last of the training file; compared with the test images "
        "they are easier than the report's in all five runs, so they are probably others.",
        metrics="best_val_accuracy",
    ),
    "E1a": Note(
        "E1",
        "perceptron",
        "Chance level: the clouds lie on each other, and forty test points have a standard deviation of 0.08. Some of our 100 runs are as low.",
        "case 4.*",
    ),
    "E1b": Note(
        "E1",
        "mlp",
        "The report does not say how its weights begin. With smaller first weights our loss ends there, too (notebook 02, section *Full batch, 1500 steps*).",
        metrics="train_loss",
    ),
    "E1c": Note("E1", "batch_size", "Within the range of our 20 runs, at its lower end.", "batch 1", "train_accuracy"),
    "E2a": Note(
        "E2",
        "gradcheck",
        "What is left is the rounding of the difference quotients, which no two programs share. All are below 1e-8, and the "
        "gradients are the same: the last batch loss after 100 steps agrees in 13 digits.",
    ),
    "E2b": Note(
        "E2",
        "baseline|iterations|learning_rate|hidden|batch_size|regularisation",
        "An accuracy on 1000 images has a standard deviation of 0.016, which our ± does not contain: both seeds see the same "
        "validation images. The report's seem to be others, so two equally good nets differ by 0.022 (one standard deviation), all rows of a table in the same direction. "
        "Our pictures were stored once more as JPEG, besides.",
    ),
    "E2c": Note(
        "E2",
        "hidden|batch_size",
        "More than that: the report's figure is lower than those of its neighbours, one run each. Ours have no such dip, on 10 000 test images either (notebook 08).",
        "H=(60|70|120) .*|H=50 batch=[34]00",
    ),
    "E2d": Note(
        "E2",
        "dropout",
        "More than chance, in one direction. Dropout costs accuracy there and here; the report does not say where it drops and "
        "how it scales what is kept, so why it costs the report more cannot be found out.",
    ),
    "E2e": Note(
        "E2",
        "pca",
        "We get figures like the report's when the validation images are projected on directions of their own instead of those of the training "
        "images (notebook 08): a mistake that is easily made, and the likely reason.",
    ),
    "E2f": Note(
        "E2",
        "depth",
        "Three layers that begin with weights of 1e-4 do not learn, with or without the penalty (notebook 08, *Deeper?*): the report's net began with other weights.",
        "3 layers.*",
    ),
    "E2g": Note(
        "E2",
        "depth",
        "A net that does not learn says one class to everything; its accuracy is the share of that class in the validation "
        "images. No class has 7.8 % of ours, so the report's are probably others.",
        "[45] layers.*",
    ),
    "E2h": Note(
        "E2",
        "depth|best",
        "The test images are 1000, too: a standard deviation of 0.016 each, besides about a point that the JPEG copy costs.",
        metrics="test_accuracy",
    ),
    "E3a": Note("E3", "initialisation", "Both are as good as 0; the report prints three digits.", ".* good .*"),
    "E3b": Note(
        "E3",
        "initialisation",
        "Both are the 1/2 of a net that says 0 to everything. The report shows neither its net nor its data; ours are two circles and 2-8-8-8-1.",
        "relu poor .*",
    ),
    "E3c": Note(
        "E3",
        "initialisation",
        "The report's loss begins to fall after step 3500. One of our five does the same, four are still at 1/2: "
        "it depends on when one stops and on the draw.",
        "sigmoid poor .*",
    ),
    "E3d": Note(
        "E3",
        "dropout",
        "The reported figures jump between neighbours, ours fall smoothly with p and hardly scatter, so the jumps are no effect of "
        "p; one epoch of one net tells little. The report does not say enough of its net and optimizer to repeat it.",
        "p=0.[0-9] 1 epoch",
    ),
    "E3e": Note(
        "E3",
        "dropout",
        "The report gives the same figure for one epoch and for ten; one of the two must be a slip.",
        "p=0.5 .*",
    ),
    "E4a": Note(
        "E4",
        "rosenbrock",
        "With a constant rate Adam does not come to rest: it circles (1, 1), and f changes by powers of ten within a few steps. "
        "Where it stands after exactly 100 000 steps depends on the last bit of every rounding; the reported f lies inside our cycle (notebook 04).",
        "Adam .*",
    ),
    "E4b": Note(
        "E4",
        "shallow",
        "One run there; the first weights and the order of the images are others. 10 000 test images alone are worth 0.0014 to 0.0018.",
    ),
    "E4c": Note("E4", "deep", "Within the range of our 20 untrained nets, each with a batch of its own.", "784-30x8.*"),
}
