// Prelude: inverse and hyperbolic functions, which drivers compute to between 3 and 7 digits, or not for large numbers.
// What is not a number gives none.
//
// Each takes a polynomial near 0, where the definition cancels, and the definition elsewhere. The polynomials are
// those of Moshier's Cephes library in single precision, whose relative error is below 2e-7.

fn arc_tangent(x: F) -> F {
    let size = abs(x);
    let large = size > F(2.414213562373095);
    let middle = size > F(0.4142135623730950);
    let near = select(size, (size - F(1.0)) / (size + F(1.0)), middle);
    let t = select(near, F(-1.0) / size, large);
    let shift = select(select(F(0.0), F(0.7853981633974483), middle), F(1.5707963267948966), large);
    let z = t * t;
    let series = ((F(8.05374449538e-2) * z - F(1.38776856032e-1)) * z + F(1.99777106478e-1)) * z
        - F(3.33329491539e-1);
    return kept(x, sign(x) * (shift + t + t * z * series));
}

// Of numbers up to 0.5, by their size; others by the sine of half the complement.
fn small_arc_sine(t: F) -> F {
    let z = t * t;
    let series = (((F(4.2163199048e-2) * z + F(2.4181311049e-2)) * z + F(4.5470025998e-2)) * z
        + F(7.4953002686e-2)) * z + F(1.6666752422e-1);
    return t + t * z * series;
}

fn arc_sine(x: F) -> F {
    let size = abs(x);
    let large = size > F(0.5);
    let angle = small_arc_sine(select(size, sqrt(max(F(0.5) - F(0.5) * size, F(0.0))), large));
    let result = sign(x) * select(angle, F(1.5707963267948966) - F(2.0) * angle, large);
    return select(undefined(), result, bitcast<U>(size) <= U(0x3f800000u));
}

fn arc_cosine(x: F) -> F {
    let size = abs(x);
    let large = size > F(0.5);
    let angle = small_arc_sine(select(x, sqrt(max(F(0.5) - F(0.5) * size, F(0.0))), large));
    let far = select(F(2.0) * angle, F(3.141592653589793) - F(2.0) * angle, x < F(0.0));
    let result = select(F(1.5707963267948966) - angle, far, large);
    return select(undefined(), result, bitcast<U>(size) <= U(0x3f800000u));
}

fn hyperbolic_sine(x: F) -> F {
    let size = abs(x);
    // By its half, since the exponential overflows before this does.
    let half = exponential(size * F(0.5));
    let z = x * x;
    let series = (F(2.03721912945e-4) * z + F(8.33028376239e-3)) * z + F(1.66667160211e-1);
    return select(sign(x) * (F(0.5) * half * half - F(0.5) / (half * half)), x + x * z * series, size <= F(1.0));
}

fn hyperbolic_cosine(x: F) -> F {
    let half = exponential(abs(x) * F(0.5));
    return F(0.5) * half * half + F(0.5) / (half * half);
}

fn inverse_hyperbolic_sine(x: F) -> F {
    let size = abs(x);
    let z = x * x;
    let series = ((F(2.0122003309e-2) * z - F(4.2699340972e-2)) * z + F(7.4847586088e-2)) * z
        - F(1.6666288134e-1);
    // Beyond 1e9 the square would overflow, and 1 no longer counts.
    let huge = logarithm(size) + F(0.6931471805599453);
    let large = select(log(size + sqrt(z + F(1.0))), huge, size > F(1.0e9));
    return kept(x, select(sign(x) * large, x + x * z * series, size < F(0.5)));
}

fn inverse_hyperbolic_cosine(x: F) -> F {
    let z = x - F(1.0);
    let series = (((F(1.7596881071e-3) * z - F(7.5272886713e-3)) * z + F(2.6454905019e-2)) * z
        - F(1.1784741703e-1)) * z + F(1.4142135623731);
    let huge = logarithm(x) + F(0.6931471805599453);
    let large = select(log(x + sqrt(max(x * x - F(1.0), F(0.0)))), huge, x > F(1.0e9));
    let result = select(large, sqrt(max(z, F(0.0))) * series, z < F(0.5));
    return kept(x, select(undefined(), result, x >= F(1.0)));
}

fn inverse_hyperbolic_tangent(x: F) -> F {
    let z = x * x;
    let series = (((F(1.81740078349e-1) * z + F(8.24370301058e-2)) * z + F(1.46691431730e-1)) * z
        + F(1.99782164500e-1)) * z + F(3.33337300303e-1);
    let far = F(0.5) * logarithm((F(1.0) + x) / (F(1.0) - x));
    return kept(x, select(far, x + x * z * series, abs(x) < F(0.5)));
}
