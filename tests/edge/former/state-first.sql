CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'state','first_tables','2026-03-01 12:00:00.000000+00:00');
CREATE TABLE marks (list text primary key, generation integer not null) without rowid;
CREATE TABLE small (name text primary key, value text not null) without rowid;
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
INSERT INTO marks VALUES('national',7);
INSERT INTO small VALUES('floor','2026-03-01T12:00:00Z');
