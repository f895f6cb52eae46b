"""What the tests run in place of the notebooks' long trainings; the cells that people read know nothing of it."""

import re

#: By notebook: what stands once in its code, and what is run instead.
SHORT = {
    "00_tour": {
        "epochs=200": "epochs=20",
        "2000": "50",
        "epochs=40": "epochs=5",
        "20_000": "1000",
        "epochs=20,": "epochs=2,",
    },
    "01_perceptron": {
        "= 100": "= 10",
    },
    "02_mlp_moons": {
        "10_000": "100",
        "epochs=steps": "epochs=steps // 100",
        "= 20": "= 2",
        "y, 1500,": "y, 15,",
    },
    "03_backprop_by_hand": {
        "epochs=100": "epochs=5",
    },
    "04_optimizers": {
        " 100_000)": " 10_000)",
        "10_000": "1000",
        "5_000": "500",
    },
    "05_shallow_and_deep": {
        "3, len(X)": "1, 3000",
        "20_000": "2000",
    },
    "06_convolution": {
        "4, len(X)": "1, 500",
    },
    "07_mnist_cnn": {
        "1500": "150",
        "5000, 2": "200, 1",
    },
    "08_cifar": {
        "1225": "5",
        "steps=steps": "steps=steps // 200",
    },
    "09_regularisation": {
        "targets[::2], epochs,": "targets[::2], 3,",
        "range(3):": "range(1):",
        "60": "2",
        "20_000": "1000",
    },
    "10_inside_a_network": {
        "4000": "300",
        "every=10": "every=2",
        "epochs=3": "epochs=1",
    },
    "11_bridges": {
        "max_iter=100": "max_iter=10",
    },
}


def shorten(stem, notebook):
    """The notebook, in place, with its short trainings. ValueError when a text does not stand in it exactly once."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for long in SHORT[stem]:
        count = sum(cell.source.count(long) for cell in code)
        if count != 1:
            raise ValueError(f"{stem}: {long!r} stands {count} times; name what stands once")
    texts = re.compile("|".join(re.escape(long) for long in sorted(SHORT[stem], key=len, reverse=True)))
    for cell in code:
        cell.source = texts.sub(lambda found: SHORT[stem][found[0]], cell.source)
    return notebook
