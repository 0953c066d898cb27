// SPDX-License-Identifier: GPL-2.0
/*
 * What is said of pictures, music and documents, and that nothing is of damaged ones that
 * harms: MUTATIONS of each (50), from SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <zip.h>

#include "kinds.h"

struct sample {
	const char *type;
	char data[4096];
	size_t size;
	const char *says;
};

/* ---- making them ---- */

static void put(struct sample *sample, const void *data, size_t size)
{
	assert_true(sample->size + size <= sizeof(sample->data));
	memcpy(sample->data + sample->size, data, size);
	sample->size += size;
}

#define PUT(sample, bytes) put(sample, bytes, sizeof(bytes) - 1)

static void make_jpeg(struct sample *sample)
{
	sample->type = "image/jpeg";
	sample->says = "camera Acme Camera 1\ntaken 2020-01-02 03:04:05\norientation 3\n";
	/* Little-endian; four entries, then what they point to. */
	PUT(sample, "\xff\xd8\xff\xe1\x00\x7e" "Exif\0\0" "II*\0\x08\0\0\0" "\x04\0"
	    "\x0f\x01\x02\0\x05\0\0\0\x3e\0\0\0" "\x10\x01\x02\0\x09\0\0\0\x44\0\0\0"
	    "\x12\x01\x03\0\x01\0\0\0\x03\0\0\0" "\x32\x01\x02\0\x14\0\0\0\x4e\0\0\0" "\0\0\0\0"
	    "Acme\0\0" "Camera 1\0\0" "2020:01:02 03:04:05\0"
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	    "\xff\xd9");
}

static void make_wav(struct sample *sample)
{
	static const char silence[400];

	sample->type = "audio/x-wav";
	sample->says = "title Tide\nartist Sea\nlength 1\n";
	PUT(sample, "RIFF\xdc\x01\0\0WAVE" "fmt \x10\0\0\0\x01\0\x01\0"
	    "\x90\x01\0\0\x90\x01\0\0\x01\0\x08\0"
	    "data\x90\x01\0\0");
	put(sample, silence, sizeof(silence));
	PUT(sample, "LIST\x1c\0\0\0INFO" "INAM\x04\0\0\0Tide" "IART\x04\0\0\0Sea\0");
}

static void make_pdf(struct sample *sample)
{
	sample->type = "application/pdf";
	sample->says = "title Ice\nauthor Boyd\npages 1\ntext ice on ice\nkeyword 1.000 ice\n";
	PUT(sample, "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
	    "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
	    "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources"
	    "<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
	    "4 0 obj<</Length 39>>stream\nBT /F 9 Tf 9 9 Td (ice on ice) Tj ET     \nendstream endobj\n"
	    "5 0 obj<</Title(Ice)/Author(Boyd)>>endobj\ntrailer<</Root 1 0 R/Info 5 0 R/Size 6>>\n"
	    "%%EOF\n");
}

struct file {
	const char *name, *data;
};

static void make_zip(struct sample *sample, const struct file *files)
{
	zip_source_t *out = zip_source_buffer_create(NULL, 0, 0, NULL);
	zip_t *zip = zip_open_from_source(out, ZIP_TRUNCATE, NULL);

	assert_non_null(zip);
	zip_source_keep(out);
	for (; files->name; files++)
		zip_file_add(zip, files->name, zip_source_buffer(zip, files->data,
								 strlen(files->data), 0), 0);
	assert_int_equal(zip_close(zip), 0);
	assert_int_equal(zip_source_open(out), 0);
	sample->size = zip_source_read(out, sample->data, sizeof(sample->data));
	assert_in_range(sample->size, 100, sizeof(sample->data) - 1);
	zip_source_close(out);
	zip_source_free(out);
}

static void make_docx(struct sample *sample)
{
	static const struct file files[] = {
		{ "[Content_Types].xml", "<Types/>" },
		{ "docProps/core.xml", "<c xmlns:dc='d'><dc:title>A &amp; B</dc:title>"
		  "<dc:creator>Eve</dc:creator></c>" },
		{ "docProps/app.xml", "<P><Pages>7</Pages></P>" },
		{ "word/document.xml", "<w:d xmlns:w='w'><w:p><w:t>one</w:t><w:t>two</w:t></w:p>"
		  "<w:p><w:t>three</w:t></w:p></w:d>" },
		{ }
	};

	sample->type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
	sample->says = "title A & B\nauthor Eve\npages 7\n"
		"type application/vnd.openxmlformats-officedocument.wordprocessingml.document\n"
		"text onetwo\ntext three\n";
	make_zip(sample, files);
}

static void make_odt(struct sample *sample)
{
	static const struct file files[] = {
		{ "mimetype", "application/vnd.oasis.opendocument.text" },
		{ "meta.xml", "<o xmlns:dc='d' xmlns:meta='m'><meta:initial-creator>Ada"
		  "</meta:initial-creator><dc:creator>Bob</dc:creator>"
		  "<meta:document-statistic meta:page-count='2'/></o>" },
		{ "content.xml", "<o xmlns:text='t'><text:h>Head</text:h>"
		  "<text:p>a<text:s/>b</text:p></o>" },
		{ }
	};

	sample->type = "application/zip";
	sample->says = "author Ada\npages 2\ntype application/vnd.oasis.opendocument.text\n"
		"text Head\ntext a b\n";
	make_zip(sample, files);
}

static void (*const make[])(struct sample *sample) = {
	make_jpeg, make_wav, make_pdf, make_docx, make_odt,
};

#define SAMPLES (sizeof(make) / sizeof(*make))

/* ---- looking at them ---- */

/* The caller frees it. */
static char *look_at(const char *type, const char *data, size_t size)
{
	int fd = memfd_create("file", 0), out = memfd_create("out", 0), keep = dup(out);
	size_t said_size;
	char *said;

	assert_int_equal(write(fd, data, size), size);
	kind_look(kind_of(type), fd, out);
	said_size = lseek(keep, 0, SEEK_END);
	said = calloc(1, said_size + 1);
	assert_int_equal(pread(keep, said, said_size, 0), said_size);
	close(fd);
	close(keep);
	return said;
}

static void sound(void **state)
{
	struct sample sample;
	char *said;
	size_t i;

	(void)state;
	kinds_open();
	for (i = 0; i < SAMPLES; i++) {
		memset(&sample, 0, sizeof(sample));
		make[i](&sample);
		said = look_at(sample.type, sample.data, sample.size);
		assert_string_equal(said, sample.says);
		free(said);
	}
}

static void which(void **state)
{
	(void)state;
	assert_int_equal(kind_of("text/plain"), -1);
	assert_int_equal(kind_of(""), -1);
	assert_int_equal(kind_of("image/jpegs"), -1);
	assert_int_equal(kind_of("image/png"), -1);
	assert_in_range(kind_of("audio/flac"), 0, 100);
	assert_in_range(kind_of("application/vnd.oasis.opendocument.text"), 0, 100);
}

static void one_line(void **state)
{
	char *said, longest[3000];
	size_t size;
	FILE *f = open_memstream(&said, &size);

	(void)state;
	say(f, "a", " two\n\twords\x01 ");
	say(f, "b", "\xff\xe4\xb8\xad\xff");
	say(f, "c", " \n");
	say(f, "d", NULL);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	say(f, "e", longest);
	fclose(f);
	assert_memory_equal(said, "a two words\nb \xe4\xb8\xad\ne xxx", 23);
	assert_in_range(size, 900, 1100);
	free(said);
}

static size_t mutate(char *data, size_t size)
{
	size_t at = rand() % size, n = 1 + rand() % 32, i;

	switch (rand() % 5) {
	case 0:
		return at + 1;
	case 1:
		for (i = 0; i < n; i++)
			data[rand() % size] = rand();
		return size;
	case 2:
		memset(data + at, rand() % 2 ? 0xff : 0, n < size - at ? n : size - at);
		return size;
	case 3:
		if (n > size - at - 1)
			return size;
		memmove(data + at, data + at + n, size - at - n);
		return size - n;
	default:
		data[at] ^= 1 << rand() % 8;
		return size;
	}
}

/*
 * In a process each: what is not ours may end it, which is what the sandbox is for; what
 * is ours may not, and the sanitizers tell by their status.
 */
static void damaged(void **state)
{
	const char *given = getenv("SEED"), *many = getenv("MUTATIONS");
	unsigned int seed = given ? atoi(given) : (int)time(NULL), died = 0;
	int mutations = many ? atoi(many) : 50, i, n, status;
	struct sample sample;
	pid_t pid;
	size_t kind;

	(void)state;
	print_message("# seed %u\n", seed);
	srand(seed);
	fflush(NULL);
	for (kind = 0; kind < SAMPLES; kind++) {
		for (i = 0; i < mutations; i++) {
			memset(&sample, 0, sizeof(sample));
			make[kind](&sample);
			for (n = 1 + rand() % 4; n && sample.size > 1; n--)
				sample.size = mutate(sample.data, sample.size);
			pid = fork();
			if (pid == 0) {
				/* They complain. */
				if (!getenv("NOISY"))
					dup2(memfd_create("stderr", 0), STDERR_FILENO);
				alarm(60);
				free(look_at(sample.type, sample.data, sample.size));
				_exit(0);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			died += WIFSIGNALED(status);
			if (WIFEXITED(status) && WEXITSTATUS(status))
				fail_msg("kind %zu, mutation %d: status %#x", kind, i, status);
		}
	}
	if (died)
		print_message("# %u ended by a signal, in libraries\n", died);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which), cmocka_unit_test(one_line), cmocka_unit_test(sound),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
