// Prelude: the quotient of floats as IEEE 754 rounds it.
//
// WGSL lets a quotient be off by two and a half units in the last place, and GPUs make use of it: what is a whole
// number then falls short of it, and a value quantised afterwards lands one step away. So what the quotient leaves of
// the dividend is divided once more (Markstein, Computation of elementary functions on the IBM RISC System/6000
// processor, 1990). Products are taken of halves (Dekker, A floating-point technique for extending the available
// precision, 1971): each product and each difference is exact then, so that it makes no odds whether a driver joins a
// product and a sum into one operation, as NVIDIA's does here and there.

// The upper 12 of the 24 bits.
fn upper(x: F) -> F {
    return bitcast<F>(bitcast<U>(x) & U(0xfffff000u));
}

// Whether the size is from 2^-90 to 2^90, where no product of halves overflows or is lost.
fn usual(x: F) -> $B {
    return (bitcast<U>(x) & U(0x7fffffffu)) - U(0x12800000u) < U(0x5a000000u);
}

fn quotient(x: F, y: F) -> F {
    let estimate = x / y;
    let high = upper(estimate);
    let low = estimate - high;
    let y_high = upper(y);
    let y_low = y - y_high;
    let rest = x - high * y_high - high * y_low - low * y_high - low * y_low;
    return select(estimate, estimate + rest / y, usual(x) & usual(y) & usual(estimate));
}
