// Prelude of kernels that compute with i64, which WGSL lacks: two words, the lower one first, wrapping around at 64 bits.
//
// A binding may keep such integers in one word, or one that is kept in two words may be an index; see storage.rs.

fn widened(x: i32) -> vec2<u32> {
    return vec2<u32>(bitcast<u32>(x), bitcast<u32>(x >> 31u));
}

fn low_word(x: vec2<u32>) -> i32 {
    return bitcast<i32>(x.x);
}

// The nearest i32: an index that does not fit lies outside either way.
fn saturated(x: vec2<u32>) -> i32 {
    let low = bitcast<i32>(x.x);
    let high = bitcast<i32>(x.y);
    let end = select(2147483647, -2147483647 - 1, high < 0);
    return select(end, low, high == low >> 31u);
}

fn wide_add(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
    let low = x.x + y.x;
    return vec2<u32>(low, x.y + y.y + u32(low < x.x));
}

fn wide_subtract(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(x.x - y.x, x.y - y.y - u32(x.x < y.x));
}

fn wide_negate(x: vec2<u32>) -> vec2<u32> {
    return wide_subtract(vec2<u32>(), x);
}

// Half a word at a time; no sum on the way is larger than a word.
fn product_of_words(x: u32, y: u32) -> vec2<u32> {
    let low = (x & 0xffffu) * (y & 0xffffu);
    let middle = (x >> 16u) * (y & 0xffffu) + (low >> 16u);
    let other = (x & 0xffffu) * (y >> 16u) + (middle & 0xffffu);
    let high = (x >> 16u) * (y >> 16u) + (middle >> 16u) + (other >> 16u);
    return vec2<u32>((other << 16u) | (low & 0xffffu), high);
}

fn wide_multiply(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
    let low = product_of_words(x.x, y.x);
    return vec2<u32>(low.x, low.y + x.x * y.y + x.y * y.x);
}

fn is_negative(x: vec2<u32>) -> bool {
    return bitcast<i32>(x.y) < 0;
}

fn wide_less(x: vec2<u32>, y: vec2<u32>) -> bool {
    return select(bitcast<i32>(x.y) < bitcast<i32>(y.y), x.x < y.x, x.y == y.y);
}

fn wide_larger(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
    return select(x, y, wide_less(x, y));
}

fn wide_smaller(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
    return select(x, y, wide_less(y, x));
}

// Of the least i64 that is 2^63, as a number without sign.
fn wide_size(x: vec2<u32>) -> vec2<u32> {
    return select(x, wide_negate(x), is_negative(x));
}

fn wide_sign(x: vec2<u32>) -> vec2<u32> {
    return select(vec2<u32>(u32(any(x != vec2<u32>())), 0u), vec2<u32>(0xffffffffu), is_negative(x));
}

fn doubled(x: vec2<u32>, bit: u32) -> vec2<u32> {
    return vec2<u32>((x.x << 1u) | bit, (x.y << 1u) | (x.x >> 31u));
}

// Quotient and rest of numbers without sign of at most 2^63, bit by bit.
fn long_division(x: vec2<u32>, y: vec2<u32>) -> array<vec2<u32>, 2> {
    var left = x;
    var quotient = vec2<u32>();
    var rest = vec2<u32>();
    for (var bit = 0u; bit < 64u; bit++) {
        rest = doubled(rest, left.y >> 31u);
        left = doubled(left, 0u);
        let fits = rest.y > y.y || (rest.y == y.y && rest.x >= y.x);
        quotient = doubled(quotient, u32(fits));
        rest = select(rest, wide_subtract(rest, y), fits);
    }
    return array<vec2<u32>, 2>(quotient, rest);
}

// Towards zero.
fn wide_divide(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
    let quotient = long_division(wide_size(x), wide_size(y))[0];
    return select(quotient, wide_negate(quotient), is_negative(x) != is_negative(y));
}

// What is left of a division towards zero: it has the sign of the dividend.
fn wide_remainder(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
    let rest = long_division(wide_size(x), wide_size(y))[1];
    return select(rest, wide_negate(rest), is_negative(x));
}

// What is left of a division that rounds down: it has the sign of the divisor.
fn wide_floor_remainder(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
    let rest = wide_remainder(x, y);
    let moves = any(rest != vec2<u32>()) && is_negative(rest) != is_negative(y);
    return select(rest, wide_add(rest, y), moves);
}

// By squaring. A negative exponent leaves nothing but of 1 and -1.
fn wide_power(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
    let one = vec2<u32>(1u, 0u);
    let odd = (y.x & 1u) == 1u;
    if is_negative(y) {
        let of_minus_one = select(select(vec2<u32>(), one, !odd), x, odd);
        let is_minus_one = all(x == vec2<u32>(0xffffffffu));
        return select(select(vec2<u32>(), of_minus_one, is_minus_one), one, all(x == one));
    }
    var result = one;
    var square = x;
    var rest = y;
    for (var bit = 0u; bit < 63u; bit++) {
        result = select(result, wide_multiply(result, square), (rest.x & 1u) == 1u);
        square = wide_multiply(square, square);
        rest = vec2<u32>((rest.x >> 1u) | (rest.y << 31u), rest.y >> 1u);
    }
    return result;
}

// Towards zero, by the bits; the least i64 where the float is no number or does not fit.
fn wide_of_float(x: f32) -> vec2<u32> {
    let bits = bitcast<u32>(x);
    let mantissa = (bits & 0x7fffffu) | 0x800000u;
    // The float is the mantissa times two to this power.
    let power = i32((bits >> 23u) & 0xffu) - 150;
    if power >= 40 {
        return vec2<u32>(0u, 0x80000000u);
    }
    var size = vec2<u32>();
    if power >= 32 {
        size = vec2<u32>(0u, mantissa << u32(power - 32));
    } else if power > 0 {
        size = vec2<u32>(mantissa << u32(power), mantissa >> u32(32 - power));
    } else if power > -24 {
        size = vec2<u32>(mantissa >> u32(-power), 0u);
    }
    return select(size, wide_negate(size), (bits >> 31u) == 1u);
}

// The nearest float: the first 32 bits round as they do, and what is lost behind them counts as one more bit.
fn float_of_wide(x: vec2<u32>) -> f32 {
    let size = wide_size(x);
    var result = f32(size.x);
    if size.y != 0u {
        let first = firstLeadingBit(size.y);
        let up = 31u - first;
        let from_below = select(size.x >> ((32u - up) & 31u), 0u, up == 0u);
        let word = (size.y << up) | from_below | u32((size.x << up) != 0u);
        result = f32(word) * (f32(1u << first) * 2.0);
    }
    return select(result, -result, is_negative(x));
}
