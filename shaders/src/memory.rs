//! Places values in few arenas by lifetime. Pure arithmetic: it knows neither graphs nor buffers.
//!
//! WebGPU forbids a dispatch to read and write the same buffer, whatever the ranges (usage is tracked by buffer, not
//! by byte). So each value gets an arena other than those of the values it is computed from, and within an arena,
//! values that do not live at the same time share space. A buffer for each value would keep to the rule too, and take
//! several times the memory.

/// A value that needs space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demand {
    pub size_bytes: u64,
    /// The launches between which it has to stay intact, both included: the last reads it while it writes elsewhere.
    pub first: usize,
    pub last: usize,
    /// Demands before this one that must not lie in the same arena. Only those: arenas are chosen in order, so that
    /// each pair is looked at once, from its later side.
    pub apart_from: Vec<usize>,
}

/// The place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allocation {
    pub arena: usize,
    pub offset_bytes: u64,
}

/// The places of all values, and the sizes of the arenas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrangement {
    pub allocations: Vec<Allocation>,
    pub arena_bytes: Vec<u64>,
}

/// Places all demands, each of which has to fit into an arena of `capacity_bytes` on its own.
///
/// The rule of one buffer is a colouring: demands that must be apart have different colours. No order of choosing is
/// the best for every graph, so two are tried, and what takes less is taken. By colours first: greedily in the order
/// of the demands, since a chain of operators then takes two in turns. And by sizes alone, each where it adds least.
pub(crate) fn arrange(demands: &[Demand], alignment_bytes: u64, capacity_bytes: u64) -> Arrangement {
    let colours = colours(demands);
    let foes = foes(demands);
    let by_colour = place(demands, alignment_bytes, capacity_bytes, |index, arena| {
        arena.iter().all(|&other| colours[other] == colours[index])
    });
    let by_size = place(demands, alignment_bytes, capacity_bytes, |index, arena| {
        !arena.iter().any(|other| foes[index].contains(other))
    });
    let total = |arrangement: &Arrangement| arrangement.arena_bytes.iter().sum::<u64>();
    if total(&by_size) < total(&by_colour) { by_size } else { by_colour }
}

/// The largest are placed first, each in the admitted arena that grows the least by it, at the lowest offset where
/// nothing lives at the same time: what is small finds gaps among what is large, and not the other way round ("greedy
/// by size", Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference, 2020).
fn place(
    demands: &[Demand],
    alignment_bytes: u64,
    capacity_bytes: u64,
    admits: impl Fn(usize, &[usize]) -> bool,
) -> Arrangement {
    let mut allocations = vec![Allocation { arena: 0, offset_bytes: 0 }; demands.len()];
    let mut placed: Vec<Vec<usize>> = Vec::new();
    let mut arena_bytes: Vec<u64> = Vec::new();
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(demands[index].size_bytes));
    for index in order {
        let size_bytes = demands[index].size_bytes;
        let places = (0..placed.len()).filter(|&arena| admits(index, &placed[arena])).map(|arena| {
            let offset_bytes = lowest(demands, &allocations, &placed[arena], index, alignment_bytes);
            Allocation { arena, offset_bytes }
        });
        let growth =
            |place: &Allocation| (place.offset_bytes + size_bytes).saturating_sub(arena_bytes[place.arena]);
        let found =
            places.filter(|place| place.offset_bytes + size_bytes <= capacity_bytes).min_by_key(growth);
        let place = found.unwrap_or(Allocation { arena: placed.len(), offset_bytes: 0 });
        if place.arena == placed.len() {
            placed.push(Vec::new());
            arena_bytes.push(0);
        }
        placed[place.arena].push(index);
        arena_bytes[place.arena] = arena_bytes[place.arena].max(place.offset_bytes + size_bytes);
        allocations[index] = place;
    }
    Arrangement { allocations, arena_bytes }
}

/// The lowest colour for each demand that none it must be apart from has.
fn colours(demands: &[Demand]) -> Vec<usize> {
    let mut colours: Vec<usize> = Vec::with_capacity(demands.len());
    for demand in demands {
        let taken: Vec<usize> =
            demand.apart_from.iter().filter_map(|&other| colours.get(other).copied()).collect();
        colours.push((0..).find(|colour| !taken.contains(colour)).unwrap_or_default());
    }
    colours
}

/// For each demand all it must be apart from, before and after it.
fn foes(demands: &[Demand]) -> Vec<Vec<usize>> {
    let mut foes: Vec<Vec<usize>> = demands.iter().map(|demand| demand.apart_from.clone()).collect();
    for (index, demand) in demands.iter().enumerate() {
        for &other in &demand.apart_from {
            foes[other].push(index);
        }
    }
    foes
}

/// The lowest offset in an arena at which a demand overlaps nothing that lives at the same time.
fn lowest(
    demands: &[Demand],
    allocations: &[Allocation],
    placed: &[usize],
    index: usize,
    alignment_bytes: u64,
) -> u64 {
    let demand = &demands[index];
    let meets = |other: &Demand| other.first <= demand.last && demand.first <= other.last;
    let mut taken: Vec<(u64, u64)> = placed
        .iter()
        .filter(|&&other| meets(&demands[other]))
        .map(|&other| {
            (allocations[other].offset_bytes, allocations[other].offset_bytes + demands[other].size_bytes)
        })
        .collect();
    taken.sort_unstable();
    let mut offset = 0;
    for (start, end) in taken {
        if offset + demand.size_bytes <= start {
            break;
        }
        offset = offset.max(end.next_multiple_of(alignment_bytes));
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(size_bytes: u64, first: usize, last: usize, apart_from: &[usize]) -> Demand {
        Demand { size_bytes, first, last, apart_from: apart_from.to_vec() }
    }

    #[test]
    fn a_chain_takes_turns_in_two_arenas() {
        let chain: Vec<Demand> = (0..6)
            .map(|i| demand(1000, i, i + 1, &i.checked_sub(1).into_iter().collect::<Vec<_>>()))
            .collect();
        let arrangement = arrange(&chain, 256, 1 << 20);
        assert_eq!(arrangement.arena_bytes, [1000, 1000]);
    }

    #[test]
    fn offsets_are_aligned_and_gaps_are_filled() {
        let demands =
            [demand(700, 0, 9, &[]), demand(300, 0, 2, &[]), demand(100, 3, 9, &[]), demand(100, 3, 9, &[])];
        let arrangement = arrange(&demands, 256, 1 << 20);
        let offsets: Vec<u64> =
            arrangement.allocations.iter().map(|allocation| allocation.offset_bytes).collect();
        assert_eq!(offsets, [0, 768, 768, 1024]);
    }

    #[test]
    fn a_full_arena_is_followed_by_another() {
        let demands = [demand(600, 0, 1, &[]), demand(600, 0, 1, &[])];
        let arrangement = arrange(&demands, 256, 1000);
        assert_eq!(arrangement.arena_bytes, [600, 600]);
    }

    /// Whatever the demands: nothing overlaps in space and time, and what must be apart is.
    #[test]
    fn arrangements_of_many_demands_are_sound() {
        let mut state = 1u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let demands: Vec<Demand> = (0..200usize)
            .map(|index| {
                let apart: Vec<usize> = (0..next(3)).map(|_| next(index.max(1) as u64) as usize).collect();
                let apart = if index == 0 { Vec::new() } else { apart };
                demand(4 * (1 + next(1000)), index, index + next(20) as usize, &apart)
            })
            .collect();
        let Arrangement { allocations, .. } = arrange(&demands, 256, 20_000);
        for (i, (a, at)) in demands.iter().zip(&allocations).enumerate() {
            assert!(a.apart_from.iter().all(|&other| allocations[other].arena != at.arena));
            for (b, bt) in demands.iter().zip(&allocations).take(i) {
                let together = a.first <= b.last && b.first <= a.last && at.arena == bt.arena;
                let apart = at.offset_bytes + a.size_bytes <= bt.offset_bytes
                    || bt.offset_bytes + b.size_bytes <= at.offset_bytes;
                assert!(!together || apart, "{a:?} at {at:?} and {b:?} at {bt:?}");
            }
        }
    }
}
