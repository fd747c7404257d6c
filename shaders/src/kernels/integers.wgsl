// Prelude: integer operations that WGSL has with another meaning, or not at all, for elements of type R.
//
// Template: INT  i32, or as many as R is wide
//           U    u32 likewise, an alias

// What is left of a division that rounds down: it has the sign of the divisor.
fn floor_remainder(x: R, y: R) -> R {
    let rest = x % y;
    return select(rest, rest + y, (rest != R(0)) & ((rest < R(0)) != (y < R(0))));
}

// Bits shifted out are lost, however far; WGSL takes the distance modulo 32.
fn shifted_left(x: R, y: R) -> R {
    return select(R(0), x << (U(y) & U(31u)), U(y) < U(32u));
}

fn shifted_right(x: R, y: R) -> R {
    return select(R(0), x >> (U(y) & U(31u)), U(y) < U(32u));
}

// By squaring, wrapping around. A negative exponent leaves nothing but of 1 and -1.
fn whole_power(x: R, y: $INT) -> R {
    let one = $INT(1);
    var result = R(1);
    var square = x;
    var rest = y;
    for (var bit = 0u; bit < 31u; bit++) {
        result = select(result, result * square, (rest & one) == one);
        square = square * square;
        rest = rest >> U(1u);
    }
    let of_minus_one = select(R(1), x, (y & one) == one);
    let inverse = select(select(R(0), of_minus_one, x + R(1) == R(0)), R(1), x == R(1));
    return select(result, inverse, y < $INT(0));
}
