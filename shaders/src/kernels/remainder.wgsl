// Prelude: the remainder of a division of floats towards zero, which has the sign of the dividend.
//
// It is exact, as fmod is in C: floats are whole numbers of 24 bits times powers of two, and are divided as such, eight
// bits of the quotient at a time.

fn exponent_of(bits: U) -> U {
    return max(bits >> U(23u), U(1u));
}

fn mantissa_of(bits: U) -> U {
    return (bits & U(0x7fffffu)) | select(U(0u), U(0x800000u), bits >= U(0x800000u));
}

// The float that is a whole number of at most 24 bits, in units of an exponent.
fn float_from(mantissa: U, exponent: U) -> U {
    let shift = countLeadingZeros(mantissa) - U(8u);
    let usual = ((exponent - shift) << U(23u)) | ((mantissa << shift) & U(0x7fffffu));
    let small = mantissa << (exponent - U(1u));
    return select(select(small, usual, exponent > shift), U(0u), mantissa == U(0u));
}

fn remainder(x: F, y: F) -> F {
    let dividend = bitcast<U>(x) & U(0x7fffffffu);
    let divisor = bitcast<U>(y) & U(0x7fffffffu);
    let none = not_finite(x) | not_a_number(y) | (divisor == U(0u));
    let smaller = dividend < divisor;
    // Nothing is divided by zero, whatever becomes of the result.
    let by = select(mantissa_of(divisor), U(1u), none | smaller);
    let unit = exponent_of(divisor);
    var bits = select(exponent_of(dividend) - unit, U(0u), none | smaller);
    var rest = mantissa_of(dividend) % by;
    for (var turn = 0u; turn < 32u; turn++) {
        let step = min(bits, U(8u));
        rest = (rest << step) % by;
        bits -= step;
    }
    let sign = bitcast<U>(x) & U(0x80000000u);
    let result = bitcast<F>(float_from(rest, unit) | sign);
    return select(select(result, x, smaller), undefined(), none);
}
