-- What can be varied besides model and target, and where in a round a trial was taken.

alter table cases add column adapter varchar;       -- as asked: hardware, software, swiftshader, lavapipe, a name; 'default' is the place's own
alter table cases add column features varchar;      -- the optimisations turned off, as in '-tuned'; '' with all on
alter table cases add column dimensions json;       -- extents asked of the model's open dimensions

alter table trials add column round integer;            -- from 0, where targets take turns; none where each runs once
alter table trials add column round_position integer;   -- trials of the round before it
