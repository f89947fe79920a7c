//! What holds for every noun, whatever is asked of it: the tables, the properties, the stored form.

mod arbitrary;
mod damage;
mod history;
mod noun;
mod properties;
mod reach;
mod sample;
mod tables;
