// Prelude of kernels that compare elements of type E: which of two is larger.
//
// Template: FLOAT, WHOLE, WIDE  whether elements are floats, integers, or integers of two words

//#if FLOAT
// By the bits: compilers may assume that there are no NaNs and infinities, and then fold x != x.
fn not_a_number(x: E) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn not_finite(x: E) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) >= 0x7f800000u;
}

// For sorting: NaN is larger than every number and as large as itself.
fn is_larger(x: E, y: E) -> bool {
    return !not_a_number(y) && (x > y || not_a_number(x));
}

// For folds: NaN wins.
fn larger(x: E, y: E) -> E {
    return select(select(y, x, x > y && !not_a_number(y)), x, not_a_number(x));
}

fn smaller(x: E, y: E) -> E {
    return select(select(y, x, x < y && !not_a_number(y)), x, not_a_number(x));
}
//#end
//#if WHOLE
fn is_larger(x: E, y: E) -> bool {
    return x > y;
}

fn larger(x: E, y: E) -> E {
    return max(x, y);
}

fn smaller(x: E, y: E) -> E {
    return min(x, y);
}
//#end
//#if WIDE
fn is_larger(x: E, y: E) -> bool {
    return wide_less(y, x);
}

fn larger(x: E, y: E) -> E {
    return wide_larger(x, y);
}

fn smaller(x: E, y: E) -> E {
    return wide_smaller(x, y);
}
//#end
