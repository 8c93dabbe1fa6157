"""Operations obey the axioms of their structure: the field Z_p, and the symmetric group."""

import pytest
import torch
from sympy.combinatorics import Permutation

from grok.science.modular.binary_operations import (
    MODULAR,
    ON_S5,
    OPERATIONS,
    inverses,
    is_prime,
    s5_elements,
    s5_inverses,
    s5_products,
    table,
)

P = 13
POLYNOMIALS = {
    "add": "x + y",
    "subtract": "x - y",
    "multiply": "x * y",
    "x2+y2": "x**2 + y**2",
    "x2+xy+y2": "x**2 + x*y + y**2",
    "x2+xy+y2+x": "x**2 + x*y + y**2 + x",
    "x3+xy": "x**3 + x*y",
    "x3+xy2+y": "x**3 + x*y**2 + y",
}


def results(operation: str, p: int = P) -> dict[tuple[int, int], int]:
    pairs, values = table(operation, p)
    return {(x, y): value for (x, y), value in zip(pairs.tolist(), values.tolist(), strict=True)}


@pytest.mark.parametrize("operation", POLYNOMIALS)
def test_a_polynomial_equals_pythons_arithmetic(operation):
    assert results(operation) == {
        (x, y): eval(POLYNOMIALS[operation], {"x": x, "y": y}) % P for x in range(P) for y in range(P)
    }


def test_division_inverts_multiplication():
    quotients = results("divide")
    assert len(quotients) == P * (P - 1)
    assert all(quotient * y % P == x for (x, y), quotient in quotients.items())


def test_odd_y_divide_and_even_y_are_subtracted():
    quotients, differences, either = results("divide"), results("subtract"), results("divide_or_subtract")
    assert all(value == (quotients if y % 2 else differences)[x, y] for (x, y), value in either.items())
    assert len(either) == P * P


@pytest.mark.parametrize("operation", OPERATIONS)
def test_pairs_are_in_order_and_results_are_elements(operation):
    n = 120 if operation in ON_S5 else P
    pairs, values = table(operation, P)
    x, y = pairs.T
    assert (x * n + y).diff().gt(0).all() and values.min() >= 0 and values.max() < n
    if operation != "divide":
        assert torch.equal(x * n + y, torch.arange(n * n))


def test_s5_is_a_group():
    product, inverse, elements = s5_products(), s5_inverses(), torch.arange(120)
    assert torch.equal(product[0], elements) and torch.equal(product[:, 0], elements)
    assert not product[elements, inverse].any() and not product[inverse, elements].any()
    assert torch.equal(product[product], product[:, product])  # (x y) z = x (y z), for all
    assert torch.equal(product.sort(1).values, elements.expand(120, 120)) and not torch.equal(product, product.T)


def test_products_equal_those_of_sympy_which_the_reference_code_uses():
    elements, inverse = s5_elements().tolist(), s5_inverses()
    operations = {name: table(name, P)[1].view(120, 120) for name in ON_S5}
    for x, y in torch.randint(120, (200, 2), generator=torch.Generator().manual_seed(0)).tolist():
        a, b = Permutation(elements[x]), Permutation(elements[y])
        assert elements[operations["compose_s5"][x, y]] == (a * b).array_form
        assert elements[operations["conjugate_s5"][x, y]] == (a * b * ~a).array_form
        assert elements[operations["sandwich_s5"][x, y]] == (a * b * a).array_form
        assert elements[inverse[x]] == (~a).array_form


def test_conjugation_keeps_the_cycle_type_and_respects_products():
    conjugate = table("conjugate_s5", P)[1].view(120, 120)
    product = s5_products()
    n_fixed_points = (s5_elements() == torch.arange(5)).sum(1)
    assert torch.equal(n_fixed_points[conjugate], n_fixed_points.expand(120, 120))
    x, y, z = torch.randint(120, (3, 1000), generator=torch.Generator().manual_seed(0))
    assert torch.equal(conjugate[x, product[y, z]], product[conjugate[x, y], conjugate[x, z]])


def test_the_sandwich_of_x_and_y_is_x_y_x():
    x, y = (each.flatten() for each in torch.meshgrid(torch.arange(120), torch.arange(120), indexing="ij"))
    product = s5_products()
    assert torch.equal(table("sandwich_s5", P)[1], product[x, product[y, x]])


@pytest.mark.parametrize("p", [3, 113])
def test_residues_times_their_inverses_are_one(p):
    assert torch.equal((inverses(p) * torch.arange(p))[1:] % p, torch.ones(p - 1, dtype=torch.long))


def test_primes_are_recognized():
    assert [p for p in range(-1, 32) if is_prime(p)] == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31]
    assert is_prime(113) and not is_prime(121)


def test_the_modular_operations_are_the_nine_of_power_et_al_and_multiplication():
    assert len(MODULAR) == 9 + 1 and len(ON_S5) == 3
