/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tables that every database has; triggers and fulltext are its own. ID is the type
 * of a number that it gives, UNIQUE what makes a tag's name unique, END what is behind a
 * table with a key of its own.
 *
 * name: the tree; stem: the name without its last extension. seen: the generation
 * in which a row was last found to be true. tag.files is kept by the triggers, so
 * that asking for all tags does not count all files. fulltext keeps no text, only which
 * words are where. looked: see facts.c. trait: see traits.h; number: what its value is as
 * a number; files: as in tag.
 */
#ifndef DISGRAFS_SCHEMA_H
#define DISGRAFS_SCHEMA_H

#define SCHEMA_VERSION 5

#define INDEX_TABLES(ID, INT, BYTES, TEXT, UNIQUE, END)						\
	"CREATE TABLE meta(key " TEXT " PRIMARY KEY, value " INT " NOT NULL)" END ";"		\
	"CREATE TABLE node(id " ID " PRIMARY KEY, fs " INT " NOT NULL, ino " INT " NOT NULL,"	\
	"	type " INT " NOT NULL, seen " INT " NOT NULL, UNIQUE(fs, ino));"		\
	"CREATE TABLE name(parent " INT " NOT NULL REFERENCES node ON DELETE CASCADE,"		\
	"	name " BYTES " NOT NULL, child " INT " NOT NULL REFERENCES node ON DELETE CASCADE,"	\
	"	seen " INT " NOT NULL, stem " BYTES " NOT NULL, PRIMARY KEY(parent, name))" END ";"	\
	"CREATE INDEX name_child ON name(child);"						\
	"CREATE INDEX name_stem ON name(stem);"							\
	"CREATE TABLE tag(id " ID " PRIMARY KEY, name " BYTES " NOT NULL" UNIQUE ","		\
	"	files " INT " NOT NULL DEFAULT 0, kept " INT " NOT NULL DEFAULT 0);"		\
	"CREATE TABLE file_tag(tag " INT " NOT NULL REFERENCES tag ON DELETE CASCADE,"		\
	"	node " INT " NOT NULL REFERENCES node ON DELETE CASCADE,"			\
	"	position " INT " NOT NULL, PRIMARY KEY(tag, node))" END ";"			\
	"CREATE INDEX file_tag_node ON file_tag(node, tag);"					\
	"CREATE TABLE link(source " INT " NOT NULL REFERENCES node ON DELETE CASCADE,"		\
	"	relation " BYTES " NOT NULL, position " INT " NOT NULL,"			\
	"	target " INT " REFERENCES node ON DELETE SET NULL,"				\
	"	reference " BYTES " NOT NULL, path " BYTES " NOT NULL,"				\
	"	PRIMARY KEY(source, relation, position))" END ";"				\
	"CREATE INDEX link_target ON link(target);"						\
	"CREATE INDEX link_relation ON link(relation);"						\
	"CREATE TABLE looked(node " INT " PRIMARY KEY REFERENCES node ON DELETE CASCADE,"	\
	"	mtime " INT ", size " INT ");"							\
	"CREATE INDEX looked_due ON looked(node) WHERE mtime IS NULL;"				\
	"CREATE TABLE fact(node " INT " NOT NULL REFERENCES node ON DELETE CASCADE,"		\
	"	key " TEXT " NOT NULL, value " TEXT " NOT NULL,"				\
	"	PRIMARY KEY(node, key, value))" END ";"						\
	"CREATE INDEX fact_value ON fact(key, value);"						\
	"CREATE TABLE trait(id " ID " PRIMARY KEY, key " TEXT " NOT NULL,"			\
	"	value " TEXT " NOT NULL, number DOUBLE PRECISION,"				\
	"	files " INT " NOT NULL DEFAULT 0, UNIQUE(key, value));"				\
	"CREATE TABLE file_trait(trait " INT " NOT NULL REFERENCES trait ON DELETE CASCADE,"	\
	"	node " INT " NOT NULL REFERENCES node ON DELETE CASCADE,"			\
	"	weight DOUBLE PRECISION NOT NULL, PRIMARY KEY(trait, node))" END ";"		\
	"CREATE INDEX file_trait_node ON file_trait(node, trait);"				\
	"INSERT INTO meta VALUES('generation', 1), ('clean', 1), ('stale', 1);"

#endif
