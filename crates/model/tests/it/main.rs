//! What holds for every noun, whatever is asked of it: the tables, the properties, the stored form.

mod arbitrary;
mod batch;
mod damage;
mod guards;
mod history;
mod kinds;
mod moves;
mod noun;
mod properties;
mod reach;
mod sample;
mod stored;
mod table;
