#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Usage: samples.py DIR

Write small files of the kinds that disgrafs-extract knows, with something to find in each.
"""
import io
import os
import struct
import sys
import zipfile


def exif():
    """TIFF: IFD 0 with camera and orientation, Exif with time and size, GPS."""
    extra = bytearray()
    size0, size1, size2 = (2 + 12 * n + 4 for n, _ in ((5, 0), (3, 0), (4, 0)))
    at0, at1 = 8, 8 + size0
    at2 = at1 + size1
    base = at2 + size2

    def entry(tag, kind, values):
        if kind == 2:
            data, count = values + b"\0", len(values) + 1
        elif kind == 3:
            data, count = struct.pack("<%dH" % len(values), *values), len(values)
        elif kind == 4:
            data, count = struct.pack("<%dI" % len(values), *values), len(values)
        else:
            data = b"".join(struct.pack("<II", *v) for v in values)
            count = len(values)
        if len(data) <= 4:
            field = data.ljust(4, b"\0")
        else:
            field = struct.pack("<I", base + len(extra))
            extra.extend(data + b"\0" * (len(data) & 1))
        return struct.pack("<HHI", tag, kind, count) + field

    def ifd(*entries):
        return struct.pack("<H", len(entries)) + b"".join(entries) + b"\0" * 4

    out = ifd(entry(0x10f, 2, b"Nikon Corporation"), entry(0x110, 2, b"NIKON D750"),
              entry(0x112, 3, (6,)), entry(0x8769, 4, (at1,)), entry(0x8825, 4, (at2,)))
    out += ifd(entry(0x9003, 2, b"2019:07:21 18:05:33"), entry(0xa002, 4, (6016,)),
               entry(0xa003, 4, (4016,)))
    out += ifd(entry(1, 2, b"N"), entry(2, 5, ((31, 1), (49, 1), (2100, 100))),
               entry(3, 2, b"W"), entry(4, 5, ((117, 1), (15, 1), (0, 1))))
    return b"II*\0" + struct.pack("<I", at0) + out + bytes(extra)


def jpeg():
    data = b"Exif\0\0" + exif()
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(data) + 2) + data + b"\xff\xd9"


TAGS = {"TIT2": "So What", "TPE1": "Miles Davis", "TALB": "Kind of Blue", "TYER": "1959",
        "TCON": "Jazz"}


def mp3():
    frames = b""
    for name, value in TAGS.items():
        data = b"\0" + value.encode()
        frames += name.encode() + struct.pack(">I", len(data)) + b"\0\0" + data
    size = len(frames)
    head = b"ID3\3\0\0" + bytes((size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127))
    # MPEG 1 layer III, 128 kbit/s, 44100 Hz: 417 bytes and 26 ms each.
    return head + frames + (b"\xff\xfb\x90\x00" + b"\0" * 413) * 160


def flac():
    info = struct.pack(">HH", 4096, 4096) + b"\0" * 6
    info += (44100 << 44 | 1 << 41 | 15 << 36 | 44100 * 7).to_bytes(8, "big") + b"\0" * 16
    fields = [b"TITLE=Blue in Green", b"ARTIST=Miles Davis", b"ALBUM=Kind of Blue", b"DATE=1959"]
    comment = struct.pack("<I", 4) + b"test" + struct.pack("<I", len(fields))
    comment += b"".join(struct.pack("<I", len(f)) + f for f in fields)
    return (b"fLaC\0" + len(info).to_bytes(3, "big") + info +
            b"\x84" + len(comment).to_bytes(3, "big") + comment + b"\xff\xf8" + b"\0" * 64)


def riff_chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)


def wav():
    fmt = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    info = b"INFO" + riff_chunk(b"INAM", b"Waves\0") + riff_chunk(b"IART", b"The Sea\0")
    return riff_chunk(b"RIFF", b"WAVE" + riff_chunk(b"fmt ", fmt) +
                      riff_chunk(b"data", b"\x80" * 16000) + riff_chunk(b"LIST", info))


def pdf():
    pages = ["Glaciers move slowly. Glaciers melt.", "Every glacier carves a valley."]
    objects = [b"<</Type/Catalog/Pages 2 0 R>>",
               b"<</Type/Pages/Kids[%s]/Count %d>>" %
               (b" ".join(b"%d 0 R" % (5 + 2 * i) for i in range(len(pages))), len(pages)),
               b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
               b"<</Title(On Ice)/Author(Louise Boyd)>>"]
    for i, text in enumerate(pages):
        stream = b"BT /F 12 Tf 72 700 Td (%s) Tj ET" % text.encode()
        objects.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R"
                       b"/Resources<</Font<</F 3 0 R>>>>>>" % (6 + 2 * i))
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
    out = bytearray(b"%PDF-1.4\n")
    at = []
    for i, body in enumerate(objects):
        at.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i + 1, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % a for a in at)
    out += (b"trailer<</Size %d/Root 1 0 R/Info 4 0 R>>\nstartxref\n%d\n%%%%EOF\n" %
            (len(objects) + 1, start))
    return bytes(out)


def archive(members, stored=None):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members:
            method = zipfile.ZIP_STORED if name == stored else zipfile.ZIP_DEFLATED
            z.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return out.getvalue()


def ooxml(title, author, members):
    core = ('<cp:coreProperties xmlns:cp="x" xmlns:dc="y"><dc:title>%s</dc:title>'
            "<dc:creator>%s</dc:creator></cp:coreProperties>" % (title, author))
    return archive([("[Content_Types].xml", "<Types/>"), ("_rels/.rels", "<Relationships/>")] +
                   members + [("docProps/core.xml", core),
                              ("docProps/app.xml", "<Properties><Pages>3</Pages></Properties>")])


def docx():
    body = ('<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>The old light</w:t></w:r><w:r><w:t>house'
            "</w:t></w:r></w:p><w:p><w:r><w:t>灯塔在海边</w:t></w:r></w:p></w:body></w:document>")
    return ooxml("Lighthouses", "Robert Stevenson", [("word/document.xml", body)])


def xlsx():
    strings = '<sst xmlns="s"><si><t>turnover</t></si><si><t>quarter</t></si></sst>'
    return ooxml("Accounts", "Luca Pacioli", [("xl/workbook.xml", "<workbook/>"),
                                              ("xl/sharedStrings.xml", strings)])


def pptx():
    def slide(s):
        return '<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:r><a:t>%s</a:t></a:r></a:p></p:sld>' % s
    return ooxml("Talk", "Ada Lovelace", [("ppt/presentation.xml", "<p/>"),
                                          ("ppt/slides/slide1.xml", slide("engines")),
                                          ("ppt/slides/slide2.xml", slide("looms"))])


def opendocument(kind, title, author, text, stored="mimetype"):
    meta = ('<o:document-meta xmlns:o="o" xmlns:dc="dc" xmlns:meta="meta"><o:meta>'
            "<meta:initial-creator>%s</meta:initial-creator><dc:title>%s</dc:title>"
            '<meta:document-statistic meta:page-count="12"/></o:meta></o:document-meta>' %
            (author, title))
    content = ('<o:document-content xmlns:o="o" xmlns:text="t"><o:body><text:p>%s<text:tab/>'
               "<text:span>end</text:span></text:p></o:body></o:document-content>" % text)
    return archive([("mimetype", "application/vnd.oasis.opendocument." + kind),
                    ("content.xml", content), ("meta.xml", meta)], stored)


def samples():
    return {
        "photo.jpg": jpeg(), "song.mp3": mp3(), "song.flac": flac(), "song.wav": wav(),
        "paper.pdf": pdf(), "letter.docx": docx(), "sheet.xlsx": xlsx(), "talk.pptx": pptx(),
        "letter.odt": opendocument("text", "Voyage", "Jane Austen", "sailing ships"),
        "sheet.ods": opendocument("spreadsheet", "Sums", "Blaise Pascal", "wagers"),
        "talk.odp": opendocument("presentation", "Stars", "Caroline Herschel", "comets",
                                 stored=None),
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name, data in samples().items():
        with open(os.path.join(sys.argv[1], name), "wb") as f:
            f.write(data)
