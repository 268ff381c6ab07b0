//! Chance that repeats itself: the same seed, the same story.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// A number rounded to some digits, as a device would print it.
pub fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10f64.powi(digits);
    (value * factor).round() / factor
}

/// A value that wanders within bounds.
#[derive(Clone, Debug)]
pub struct Wander {
    value: f64,
    step: f64,
    low: f64,
    high: f64,
}

impl Wander {
    pub fn new(dice: &mut Dice, low: f64, high: f64, step: f64) -> Self {
        Wander { value: dice.between(low, high), step, low, high }
    }

    pub fn next(&mut self, dice: &mut Dice) -> f64 {
        self.value = (self.value + dice.between(-self.step, self.step)).clamp(self.low, self.high);
        self.value
    }
}
