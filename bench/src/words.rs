//! Words as people use them: few of them often, many of them seldom (Zipf), made of syllables, the same ones each time.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// How many different words there are.
const WORDS: usize = 20_000;
const SYLLABLES: [&str; 24] = [
    "ha", "mor", "sel", "ti", "ran", "do", "ke", "lin", "au", "ber", "gra", "no", "stu", "ve", "wi", "pa", "chi", "el",
    "om", "is", "tre", "bo", "fu", "na",
];

/// What the words and sentences are drawn by.
const SEED: u64 = 1;

/// A source of sentences.
pub(crate) struct Words {
    words: Vec<String>,
    rng: StdRng,
}

impl Words {
    /// Each one says the same.
    pub(crate) fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(SEED);
        let words = (0..WORDS).map(|at| word(&mut rng, at)).collect();
        Self { words, rng }
    }

    /// A message of 1 to 30 words.
    pub(crate) fn sentence(&mut self) -> String {
        let count = self.rng.random_range(1..=30);
        let ranks: Vec<usize> = (0..count).map(|_| self.rank()).collect();
        let words: Vec<&str> = ranks.into_iter().map(|rank| self.word(rank)).collect();
        words.join(" ")
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    /// The word of a rank, the most frequent one being 0.
    pub(crate) fn word(&self, rank: usize) -> &str {
        self.words.get(rank).map_or("", String::as_str)
    }

    fn rank(&mut self) -> usize {
        // The inverse of a continuous 1/x density over the ranks.
        let at: f64 = self.rng.random();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let rank = (WORDS as f64).powf(at) as usize;
        rank.min(WORDS) - 1
    }
}

/// Frequent words are short.
fn word(rng: &mut StdRng, rank: usize) -> String {
    let syllables = match rank {
        0..60 => 1,
        60..1_500 => 2,
        1_500..9_000 => 3,
        _ => 4,
    };
    (0..syllables).map(|_| SYLLABLES.get(rng.random_range(0..SYLLABLES.len())).copied().unwrap_or_default()).collect()
}
