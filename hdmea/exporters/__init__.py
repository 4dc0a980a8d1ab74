"""Ways out: what a recording holds, as files of other programs. One file per way, found by a registry."""

from hdmea.exporters.exporter import EXPORTERS, Exporter, ExportOptions, ExportProgress, export, exporter

__all__ = ["EXPORTERS", "ExportOptions", "ExportProgress", "Exporter", "export", "exporter"]
