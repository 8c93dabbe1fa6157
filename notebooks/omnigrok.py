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
# Omnigrok (Liu, Michaud & Tegmark 2023, [arXiv:2210.01117](https://arxiv.org/abs/2210.01117)) makes a perceptron grok
# handwritten digits by two changes to an ordinary recipe: all initial weights are multiplied by α = 8, and only 1,000
# images are shown. This notebook loads the record of such a run and draws it. Make one first:
#
# ```
# python train.py task=mnist_grok
# ```

# %% tags=["parameters"]
run = "../results/omnigrok_mnist/paper"  # any folder of a run, such as runs/mnist_grok/<time>, or of a sweep …
where = {"init_scale": 8, "optimizer.weight_decay": 0.01, "seed": 0}  # … and which of its cells

# %%
import matplotlib.pyplot as plt

import grok
from grok.reports.figure import curves, weight_norm
from grok.science.delay import settled_at

record = grok.load(run).sel(where)
record

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
curves(left, record)
weight_norm(left.twinx(), record)
for part, line in (("train", "-"), ("test", "--")):
    right.loglog(record["step"][1:], record[f"{part}_loss"][1:], line, label=part)
right.set(xlabel="optimiser step", ylabel="squared error")
right.legend(frameon=False)
# %% [markdown]
# **What there is to see.** Training accuracy reaches its ceiling while test accuracy is still near 20 %: the network
# has memorised. Nothing in the training accuracy says that anything goes on after that. But the weight norm (dotted)
# falls, slowly, and when it has lost about a third, test accuracy rises to nearly 90 %. The time from one to the other
# is the delay.

# %%
steps = record["step"].values
memorised = settled_at(steps, record["train_accuracy"].values, record.attrs["memorization_threshold"])
generalised = settled_at(steps, record["test_accuracy"].values, record.attrs["generalization_threshold"])
norm = record["weight_norm"]
print(f"memorised at step {memorised}, generalised at step {generalised}")
print(f"weight norm {float(norm[0]):.1f} at the start, {float(norm[-1]):.1f} at the end")

# %% [markdown]
# **Why.** Omnigrok's account is the *LU mechanism*. At a fixed weight norm, training loss is low for every norm
# large enough (an L), while test loss is low only near one norm (a U). A large initialisation starts on the
# flat arm of the L, where the training set is fitted at once and gives no reason to move, and far up the right
# arm of the U. Weight decay alone carries the network down, at its own slow rate, and generalisation waits for
# it. The controls belong to the argument: `init_scale=1` should generalise without delay, and
# `optimizer.weight_decay=0` should take away what drives the norm. How both came out is in the README's table
# of claims.
