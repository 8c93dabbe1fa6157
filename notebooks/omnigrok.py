# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Grokking on MNIST
#
# Omnigrok (Liu, Michaud & Tegmark 2023, [arXiv:2210.01117](https://arxiv.org/abs/2210.01117)) makes an MLP grok
# handwritten digits with two changes to a standard recipe. All initial weights are multiplied by α = 8, and the
# training set has only 1,000 images. This notebook loads the record of a run and plots it. To train the run:
#
# ```
# python train.py task=mnist_grok
# ```

# %% tags=["parameters"]
run = "../results/omnigrok_mnist/paper"  # the folder of a run, such as runs/mnist_grok/<time>, or of a sweep …
where = {"init_scale": 8, "optimizer.weight_decay": 0.01, "seed": 0}  # … and the run of the sweep

# %%
import matplotlib.pyplot as plt

import grok
from grok.reports.run.figure import accuracy_curves, weight_norm_curve
from grok.science.statistics.delay import settled_at

record = grok.load(run).sel(where)
record

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
accuracy_curves(left, record)
weight_norm_curve(left.twinx(), record)
for part, line in (("train", "-"), ("test", "--")):
    right.loglog(record["step"][1:], record[f"{part}_loss"][1:], line, label=part)
right.set(xlabel="optimizer step", ylabel="squared error")
right.legend(frameon=False)
# %% [markdown]
# **What the figure shows.** Training accuracy is near 100 % while test accuracy is still near 20 %: the network has
# memorized. From then on the training accuracy shows no change. But the weight norm (dotted) decreases slowly. When it
# has lost about a third, test accuracy rises to nearly 90 %. The time between the two is the delay.

# %%
steps = record["step"].values
memorized = settled_at(steps, record["train_accuracy"].values, record.attrs["memorization_threshold"])
generalized = settled_at(steps, record["test_accuracy"].values, record.attrs["generalization_threshold"])
norm = record["weight_norm"]
print(f"memorized at step {memorized}, generalized at step {generalized}")
print(f"weight norm {float(norm[0]):.1f} at the start, {float(norm[-1]):.1f} at the end")

# %% [markdown]
# **Why.** Omnigrok explains this by the *LU mechanism*. At a fixed weight norm, the training loss is low for every
# large enough norm (an L), but the test loss is low only near one norm (a U).
#
# A large initialization starts on the flat arm of the L and high on the right arm of the U. There the network soon
# fits the training set, and the training loss has almost no gradient left. Only weight decay reduces the norm, at its
# slow rate, and generalization waits for it.
#
# Two controls test this: `init_scale=1` should generalize without delay, and `optimizer.weight_decay=0` should remove
# the cause of the decrease. The README's table of claims has both results.
