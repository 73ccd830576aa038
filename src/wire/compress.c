/* compress.c - which codec, and the limits around it. */
#include <stdlib.h>

#include "wire/codec.h"

static const char *const names[CODEC_COUNT] = { "none", "gzip", "snappy", "lz4", "zstd" };

const char *codec_name(int codec)
{
	return codec >= 0 && codec < CODEC_COUNT ? names[codec] : "unknown";
}

int codec_named(struct view name)
{
	for (int codec = 0; codec < CODEC_COUNT; codec++)
		if (view_is(name, names[codec]))
			return codec;
	return ERR_NOT_FOUND;
}

struct inflater {
	size_t limit;
	struct codec_gzip *gzip;
	struct codec_zstd *zstd;
	struct buffer scratch;
};

struct inflater *inflater_new(size_t limit)
{
	struct inflater *inflater = calloc(1, sizeof *inflater);

	if (!inflater)
		return NULL;
	inflater->limit = limit;
	buffer_init(&inflater->scratch, limit);
	return inflater;
}

void inflater_free(struct inflater *inflater)
{
	if (!inflater)
		return;
	codec_gzip_free(inflater->gzip);
	codec_zstd_free(inflater->zstd);
	buffer_done(&inflater->scratch);
	free(inflater);
}

size_t inflater_limit(const struct inflater *inflater)
{
	return inflater->limit;
}

struct buffer *inflater_scratch(struct inflater *inflater)
{
	buffer_reset(&inflater->scratch);
	return &inflater->scratch;
}

static int inflate_any(struct inflater *inflater, int codec, bool old_lz4, struct view in, struct buffer *out,
		       struct fault *fault)
{
	switch (codec) {
	case CODEC_NONE: buffer_view(out, in); return out->err;
	case CODEC_GZIP: return codec_gzip_inflate(&inflater->gzip, in, out, fault);
	case CODEC_SNAPPY: return codec_snappy_inflate(in, out, fault);
	case CODEC_LZ4: return codec_lz4_inflate(old_lz4, in, out, fault);
	case CODEC_ZSTD: return codec_zstd_inflate(&inflater->zstd, in, out, fault);
	default:
		return fault_set(fault, ERR_UNSUPPORTED,
				 "compressed with codec %d, which this version does not know", codec);
	}
}

int codec_inflate(struct inflater *inflater, int codec, bool old_lz4, struct view in, struct buffer *out,
		  struct fault *fault)
{
	size_t before = out->size, limit = out->limit;
	int err;

	if (out->err)
		return fault_set(fault, out->err, "nothing can be inflated: %s", err_text(out->err));
	if (inflater->limit < limit - before)
		out->limit = before + inflater->limit;
	err = inflate_any(inflater, codec, old_lz4, in, out, fault);
	if (err < 0) {
		if (err == ERR_LIMIT)
			fault_set(fault, err, "%zu bytes of %s inflate to more than the limit of %zu",
				  in.size, codec_name(codec), codec_room_most(out) + out->size - before);
		else if (err == ERR_MEMORY)
			fault_set(fault, err, "out of memory inflating %zu bytes of %s", in.size,
				  codec_name(codec));
		out->size = before;
		out->err = 0;
	}
	out->limit = limit;
	return err;
}

struct deflater {
	struct codec_gzip *gzip;
	struct codec_zstd *zstd;
};

struct deflater *deflater_new(void)
{
	return calloc(1, sizeof(struct deflater));
}

void deflater_free(struct deflater *deflater)
{
	if (!deflater)
		return;
	codec_gzip_free(deflater->gzip);
	codec_zstd_free(deflater->zstd);
	free(deflater);
}

int codec_deflate(struct deflater *deflater, int codec, int level, struct view in, struct buffer *out)
{
	size_t before = out->size;
	int err = out->err;

	if (err < 0)
		return err;
	switch (codec) {
	case CODEC_NONE:
		buffer_view(out, in);
		err = out->err;
		break;
	case CODEC_GZIP: err = codec_gzip_deflate(&deflater->gzip, level, in, out); break;
	case CODEC_SNAPPY: err = codec_snappy_deflate(in, out); break;
	case CODEC_LZ4: err = codec_lz4_deflate(level, in, out); break;
	case CODEC_ZSTD: err = codec_zstd_deflate(&deflater->zstd, level, in, out); break;
	default: err = ERR_UNSUPPORTED;
	}
	if (err < 0) {
		out->size = before;
		out->err = 0;
	}
	return err;
}
