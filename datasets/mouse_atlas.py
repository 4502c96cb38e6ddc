"""Mouse Atlas: cell types of the mouse, from two atlases made with different techniques."""

from __future__ import annotations

import gzip
import zlib
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from bench.data.store import Store
from bench.metadata import DataFile, DatasetInfo

from ._cells import Cells, CellsDataset
from ._cells_files import named_values
from ._files import damaged
from ._table_files import read_arrays

_GENES_AT_A_TIME = 256


class MouseAtlas(CellsDataset):
    """6,954 cells of 11 types; the atlas, and with it the sequencing technique, is the sensitive attribute.

    Data set 2 of Tran et al.: Mouse Cell Atlas (Microwell-seq) and Tabula Muris (Smart-seq2, although the file's
    name says 10x). Cells are in the order of the cell sheet, and library sizes are sums over the genes of the
    expression matrix. Parameters: see :class:`bench.datasets._cells.CellsDataset`.
    """

    info = DatasetInfo(
        name="mouse_atlas",
        title="Mouse Atlas",
        target="cell type",
        sensitive="sequencing batch",
        kind="vector",
        n=6954,
        k=11,
        n_groups=2,
        reference="Tran et al., A benchmark of batch-effect correction methods for single-cell RNA sequencing data, "
        "Genome Biology 21:12, 2020; cells of Han et al., Cell 172, 2018 and Tabula Muris, Nature 562, 2018",
        doi="10.1186/s13059-019-1850-9; 10.1016/j.cell.2018.02.001; 10.1038/s41586-018-0590-4",
        licence="none stated where it is published; cite the three papers",
        files=(
            DataFile(
                path="mouse_atlas/filtered_total_batch1_seqwell_batch2_10x.txt.gz",
                url="https://raw.githubusercontent.com/JinmiaoChenLab/Batch-effect-removal-benchmarking/"
                "60d52c29e29b7849b1505167da572165cc5d5b82/Data/dataset2/"
                "filtered_total_batch1_seqwell_batch2_10x.txt.gz",
                checksum="gitblob:a5bb05ac4e76fb8d231c50e756e5b1c8672cb784",
                what="expression matrix of Mouse Atlas; `git hash-object` prints a5bb05ac4e76... for it",
            ),
            DataFile(
                path="mouse_atlas/filtered_total_sample_ext_organ_celltype_batch.txt.gz",
                url="https://raw.githubusercontent.com/JinmiaoChenLab/Batch-effect-removal-benchmarking/"
                "60d52c29e29b7849b1505167da572165cc5d5b82/Data/dataset2/"
                "filtered_total_sample_ext_organ_celltype_batch.txt.gz",
                checksum="sha256:c48cbe877ebb520def4826eb0606d5d3f665ec9d75e4c6f71e9c0acf72c0dd08",
                bytes=97901,
                what="cell sheet of Mouse Atlas",
                instead=(
                    (
                        DataFile(
                            path="mouse_atlas/mouse_atlas_cells.npz",
                            url="https://github.com/JinmiaoChenLab/Batch-effect-removal-benchmarking",
                            checksum="sha256:03bb3511e0857c79b09d7ef90ac53c750d1393455e9d3a2998db7c1d339b561d",
                            bytes=106240,
                            what="cell sheet of Mouse Atlas as arrays",
                            manual="it is the cell sheet, with cells, label, label_names, group and group_names as "
                            "arrays",
                        ),
                    ),
                ),
            ),
        ),
        published_as="Mouse Atlas",
        notes=("The FCMI paper does not say how it prepared the cells: the preparation here is ours.",),
    )

    def read(self, store: Store) -> tuple[Cells, str]:
        """Cells in the order of the cell sheet."""
        matrix, sheet = (store.locate(file).paths[0] for file in self.files())
        cells, classes, groups = _sheet_of_arrays(sheet) if sheet.suffix == ".npz" else _sheet_of_text(sheet)
        names, genes_by_cells = _expression(matrix)
        places = {name: place for place, name in enumerate(names)}
        lacking = [cell for cell in cells if cell not in places]
        if lacking:
            raise damaged(matrix, f"it lacks {len(lacking)} of the {len(cells)} cells of {sheet.name}: {lacking[0]}")
        values = csr_array(genes_by_cells[:, [places[cell] for cell in cells]].T)
        return Cells(matrix.name, values, "counts", groups, classes), ""


def _sheet_of_text(path: Path) -> tuple[list[str], NDArray[Any], NDArray[Any]]:
    """Names, classes and groups of the cells, from the sheet as published: R's table with row names."""
    import pandas as pd

    try:
        table = pd.read_csv(path, sep="\t", index_col=0, dtype=str)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise damaged(path, str(error)) from None
    for column in ("ct", "batchlb"):
        if column not in table.columns:
            raise damaged(path, f"it has no column {column} (it has {', '.join(map(str, table.columns))})")
    return [str(cell) for cell in table.index], table["ct"].to_numpy(object), table["batchlb"].to_numpy(object)


def _sheet_of_arrays(path: Path) -> tuple[list[str], NDArray[Any], NDArray[Any]]:
    arrays = read_arrays(path)
    cells, classes, groups = (named_values(path, arrays, name, name) for name in ("cells", "label", "group"))
    return cells.tolist(), classes, groups


def _expression(path: Path) -> tuple[list[str], csr_array]:
    """Names of the cells, and the matrix of genes by cells: R's table with a row a gene and the gene's name first.

    A few genes at a time: the whole is 100 million numbers, most of them 0.
    """
    parts = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            header = [name.strip('"') for name in stream.readline().rstrip("\r\n").split("\t")]
            while lines := [line.partition("\t")[2] for line in islice(stream, _GENES_AT_A_TIME)]:
                parts.append(csr_array(np.loadtxt(lines, dtype=np.float32, delimiter="\t", comments=None, ndmin=2)))
        genes_by_cells = vstack(parts, format="csr")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise damaged(path, str(error)) from None
    n = genes_by_cells.shape[1]
    # R writes the header with a field for the column of row names, or without.
    if not n <= len(header) <= n + 1:
        raise damaged(path, f"it names {len(header)} cells, and its genes have {n} values")
    return header[len(header) - n :], genes_by_cells
