// Prelude of kernels that compute with floats: functions that WGSL lacks or leaves undefined somewhere.
//
// Template: F  f32 or vec4<f32>
//           U, B, INT  the unsigned, the boolean and the signed type of the same width
//           ACTIVATION  an expression of x

alias F = $F;
alias U = $U;

// By the bits: compilers may assume that there are no NaNs and infinities, and then fold x != x.
fn not_a_number(x: F) -> $B {
    return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u);
}

fn not_finite(x: F) -> $B {
    return (bitcast<U>(x) & U(0x7fffffffu)) >= U(0x7f800000u);
}

fn undefined() -> F {
    return F(float_of(0x7fc00000u));
}

fn infinity() -> F {
    return F(float_of(0x7f800000u));
}

// NaN wins; what WGSL's own max and min make of it is left to the driver.
fn larger(x: F, y: F) -> F {
    return select(select(y, x, (x > y) & !not_a_number(y)), x, not_a_number(x));
}

fn smaller(x: F, y: F) -> F {
    return select(select(y, x, (x < y) & !not_a_number(y)), x, not_a_number(x));
}

// Drivers clamp the operand, and with it NaN and what overflows.
fn exponential(x: F) -> F {
    let finite = select(exp(x), F(0.0), x < F(-104.0));
    return select(select(finite, infinity(), x > F(88.72284)), x, not_a_number(x));
}

// Of numbers. Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: absolute error below 1.5e-7.
fn erf_of_number(x: F) -> F {
    let size = abs(x);
    let t = F(1.0) / (F(1.0) + F(0.3275911) * size);
    let series = t * (F(0.254829592) + t * (F(-0.284496736) + t * (F(1.421413741)
        + t * (F(-1.453152027) + t * F(1.061405429)))));
    return sign(x) * (F(1.0) - series * exp(-size * size));
}

fn erf(x: F) -> F {
    return kept(x, erf_of_number(x));
}

// Of numbers. Some drivers compute tanh from exp(2x), which overflows; at 10 the result is 1 to the last bit.
fn tanh_of_number(x: F) -> F {
    return tanh(clamp(x, F(-10.0), F(10.0)));
}

fn safe_tanh(x: F) -> F {
    return kept(x, tanh_of_number(x));
}

// Some drivers give a large negative number for the logarithm of 0, or a number for that of a negative one.
fn logarithm(x: F) -> F {
    let negative = (bitcast<U>(x) > U(0x80000000u)) & (bitcast<U>(x) <= U(0xff800000u));
    let finite = select(log(x), -infinity(), x == F(0.0));
    return select(select(finite, x, not_finite(x)), undefined(), negative);
}

fn square_root(x: F) -> F {
    return select(kept(x, sqrt(x)), undefined(), x < F(0.0));
}

// Of numbers: exp of a negative one only, so that nothing overflows.
fn sigmoid_of_number(x: F) -> F {
    let e = exp(-abs(x));
    return select(e, F(1.0), x >= F(0.0)) / (F(1.0) + e);
}

fn sigmoid(x: F) -> F {
    return kept(x, sigmoid_of_number(x));
}

// The factor x keeps what is no number.
fn gelu(x: F) -> F {
    return F(0.5) * x * (F(1.0) + erf_of_number(x * F(0.7071067811865476)));
}

fn gelu_tanh(x: F) -> F {
    return F(0.5) * x * (F(1.0) + tanh_of_number(F(0.7978845608028654) * (x + F(0.044715) * x * x * x)));
}

// A result that is NaN where the operand is.
fn kept(x: F, result: F) -> F {
    return select(result, x, not_a_number(x));
}

// As IEEE 754 has it. WGSL leaves powers of negative numbers undefined, and computes the others by way of logarithms.
fn power(x: F, y: F) -> F {
    let size = abs(x);
    let extreme = (size == F(0.0)) | not_finite(x) | not_finite(y);
    let limit = select(F(0.0), infinity(), (size > F(1.0)) == (y > F(0.0)));
    let magnitude = select(select(pow(size, y), limit, extreme), F(1.0), size == F(1.0));
    let odd = abs(y - F(2.0) * floor(y * F(0.5))) == F(1.0);
    let whole = (floor(y) == y) | not_finite(y) | not_finite(x);
    let negative = bitcast<U>(x) >= U(0x80000000u);
    var result = select(magnitude, -magnitude, negative & odd);
    result = select(result, undefined(), (x < F(0.0)) & !whole);
    result = select(result, x * x, y == F(2.0));
    result = select(result, x, y == F(1.0));
    result = select(result, undefined(), not_a_number(x) | not_a_number(y));
    return select(result, F(1.0), (y == F(0.0)) | (x == F(1.0)));
}

// Towards zero; the least i32 where the float is no number or does not fit.
fn whole(x: F) -> $INT {
    let fits = abs(x) < F(2147483648.0);
    return select($INT(-2147483647 - 1), $INT(select(F(0.0), x, fits)), fits & !not_a_number(x));
}

// Applied to each result of a matrix product or convolution.
fn activate(x: F) -> F {
    return $ACTIVATION;
}
