// Prelude: sine, cosine and tangent, which WGSL promises to 11 bits for angles up to pi and not at all beyond.
//
// Quarter turns are counted exactly however large the angle is (Payne and Hanek, Radian reduction for trigonometric
// functions, 1983): a float is a whole number of 24 bits times a power of two, and of its product with 2 / pi only the
// bits next to the point count. That is done in integers, since sums of floats may be reordered. For what is left, at
// most an eighth of a turn, the polynomials are those of Moshier's Cephes library in single precision.

struct Turned {
    quarters: u32,
    rest: f32,
}

// A word of 32 before the point, and then 2 / pi.
fn two_over_pi(word: u32) -> u32 {
    switch word {
        case 1u: { return 0xa2f9836eu; }
        case 2u: { return 0x4e441529u; }
        case 3u: { return 0xfc2757d1u; }
        case 4u: { return 0xf534ddc0u; }
        case 5u: { return 0xdb629599u; }
        case 6u: { return 0x3c439041u; }
        case 7u: { return 0xfe5163abu; }
        default: { return 0u; }
    }
}

// 32 bits of the words a and b behind each other, from a bit of a on.
fn window(a: u32, b: u32, bit: u32) -> u32 {
    return (a << bit) | ((b >> 1u) >> (31u - bit));
}

// The upper 32 bits of a * b, where a has 24.
fn upper_product(a: u32, b: u32) -> u32 {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let across = (a & 0xffffu) * (b >> 16u);
    let middle = (low >> 16u) + (across & 0xffffu) + (a >> 16u) * (b & 0xffffu);
    return (a >> 16u) * (b >> 16u) + (across >> 16u) + (middle >> 16u);
}

// The whole quarters of a turn nearest to an angle, up to multiples of four, and what is left in radians.
fn turned(x: f32) -> Turned {
    let bits = bitcast<u32>(x) & 0x7fffffffu;
    // Up to pi / 4 there is nothing to count.
    if bits < 0x3f490fdbu {
        return Turned(0u, x);
    }
    let mantissa = (bits & 0x7fffffu) | 0x800000u;
    // Bits of 2 / pi before this one make multiples of four quarters.
    let first = (bits >> 23u) - 120u;
    let word = first >> 5u;
    let bit = first & 31u;
    let second_word = two_over_pi(word + 1u);
    let third_word = two_over_pi(word + 2u);
    let a = window(two_over_pi(word), second_word, bit);
    let b = window(second_word, third_word, bit);
    let c = window(third_word, two_over_pi(word + 3u), bit);
    // The product's words, less the lowest: two bits of quarters, and the fraction.
    let carried = upper_product(mantissa, c);
    let low = mantissa * b + carried;
    let high = mantissa * a + upper_product(mantissa, b) + select(0u, 1u, low < carried);
    // From a half on, what is left is negative.
    let fraction = bitcast<i32>((high << 2u) | (low >> 30u));
    let quarters = (high >> 30u) + select(0u, 1u, fraction < 0);
    let parts = f32(fraction) * 2.3283064365386963e-10 + f32(low << 2u) * 5.421010862427522e-20;
    let rest = parts * 1.5707963267948966;
    if x < 0.0 {
        return Turned((4u - quarters) & 3u, -rest);
    }
    return Turned(quarters & 3u, rest);
}

fn sine_of_rest(x: f32) -> f32 {
    let z = x * x;
    return x + x * z * ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1);
}

fn cosine_of_rest(x: f32) -> f32 {
    let z = x * x;
    let series = (2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2;
    return 1.0 - 0.5 * z + z * z * series;
}

// The sine of an angle and so many quarters of a turn.
fn sine_after(x: f32, quarters: u32) -> f32 {
    let turned = turned(x);
    let all = turned.quarters + quarters;
    let value = select(sine_of_rest(turned.rest), cosine_of_rest(turned.rest), (all & 1u) == 1u);
    return select(select(value, -value, (all & 2u) == 2u), undefined(), not_finite(x));
}

fn sine(x: f32) -> f32 {
    return sine_after(x, 0u);
}

fn cosine(x: f32) -> f32 {
    return sine_after(x, 1u);
}

fn tangent(x: f32) -> f32 {
    let turned = turned(x);
    let sine = sine_of_rest(turned.rest);
    let cosine = cosine_of_rest(turned.rest);
    let value = select(sine / cosine, -cosine / sine, (turned.quarters & 1u) == 1u);
    return select(value, undefined(), not_finite(x));
}
