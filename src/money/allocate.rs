//! Splitting a whole number of minor units so that the parts sum to the whole.

use num_bigint::{BigInt, Sign};

use super::amount::Exact;

/// Splits `total` in proportion to `weights` by largest remainder: each share is cut towards
/// zero, and what is left is handed out unit by unit to the largest remainders, ties to the
/// earlier one. With no weight above zero the first part takes all. Weights below zero count
/// as zero. The parts always sum to `total`; an empty `weights` gives no parts.
pub fn largest_remainder(total: i64, weights: &[Exact]) -> Vec<i64> {
    if weights.is_empty() {
        return Vec::new();
    }
    let numbers = common_numerators(weights);
    let sum: BigInt = numbers.iter().sum();
    if sum.sign() == Sign::NoSign {
        let mut parts = vec![0; weights.len()];
        parts[0] = total;
        return parts;
    }
    let units = BigInt::from(total.unsigned_abs());
    let mut shares = Vec::with_capacity(numbers.len());
    let mut handed_out: u64 = 0;
    for (index, number) in numbers.iter().enumerate() {
        let product = number * &units;
        let share = u64::try_from(&product / &sum).unwrap_or(u64::MAX);
        handed_out += share;
        shares.push((index, share, product % &sum));
    }
    let mut rest = total.unsigned_abs() - handed_out;
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|a, b| shares[*b].2.cmp(&shares[*a].2).then(a.cmp(b)));
    for index in order {
        if rest == 0 {
            break;
        }
        shares[index].1 += 1;
        rest -= 1;
    }
    let sign = total.signum();
    shares.iter().map(|(_, share, _)| sign * i64::try_from(*share).unwrap_or(i64::MAX)).collect()
}

fn common_numerators(weights: &[Exact]) -> Vec<BigInt> {
    let mut denominator = BigInt::from(1);
    for weight in weights {
        let (_, d) = weight.to_big();
        denominator = num_integer::lcm(denominator, d);
    }
    weights
        .iter()
        .map(|weight| {
            let (n, d) = weight.to_big();
            if n.sign() == Sign::Minus { BigInt::from(0) } else { n * (&denominator / d) }
        })
        .collect()
}
