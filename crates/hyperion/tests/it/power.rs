//! Power that goes, disks that are full or broken, git that dies: what was acknowledged stays.

mod faults;
mod loss;
mod recorded;
mod small;
