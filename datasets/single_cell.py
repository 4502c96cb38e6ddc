"""Five sets of real cells: the class is the type of the cell, the sensitive attribute how it was sequenced.

All five are NumPy archives in the format of :mod:`bench.datasets._cells_files`, made from public files without other
changes than their notes say. Parameters: see :class:`bench.datasets._cells.CellsDataset`.
"""

from __future__ import annotations

from bench.data.store import Store
from bench.metadata import DataFile, DatasetInfo

from ._cells import Cells, CellsDataset
from ._cells_files import read_npz


class _Archive(CellsDataset):
    """Cells of the one file that the set has."""

    def read(self, store: Store) -> tuple[Cells, str]:
        """Cells in the order of the file."""
        return read_npz(store.locate(self.files()[0]).paths[0]), ""


class Pancreas5Tech(_Archive):
    """500 cells of human pancreatic islets, 100 from each of five studies with techniques of their own.

    Endothelial cells (5 of 500) are missing in SMART-Seq2, so the true types have Balance 0. Library sizes are sums
    over the 2,000 genes that were published. CEL-Seq counts are corrected for saturation and not whole; Fluidigm C1
    and SMART-Seq2 count reads, not molecules.
    """

    info = DatasetInfo(
        name="pancreas5_tech",
        title="Pancreas (5 technologies)",
        target="cell type",
        sensitive="technology",
        kind="vector",
        n=500,
        k=6,
        n_groups=5,
        reference="Stuart et al., Cell 177, 2019, of Gruen et al., Cell Stem Cell 19, 2016; Muraro et al., Cell "
        "Systems 3, 2016; Lawlor et al., Genome Research 27, 2017; Baron et al., Cell Systems 3, 2016; Segerstolpe "
        "et al., Cell Metabolism 24, 2016",
        doi="10.1016/j.cell.2019.05.031; 10.1016/j.stem.2016.05.010; 10.1016/j.cels.2016.09.002; "
        "10.1101/gr.212720.116; 10.1016/j.cels.2016.08.011; 10.1016/j.cmet.2016.08.020",
        licence="MIT (the package bbknnR that carries them); data of GSE81076, GSE85241, GSE86469, GSE84133, "
        "E-MTAB-5061",
        files=(
            DataFile(
                path="pancreas5_tech/pancreas5_tech.npz",
                url="https://github.com/cran/bbknnR",
                checksum="sha256:afde7942284f25ffef49ffdcc4b43435a839b856097a91c3f4e70e1507aa0b5c",
                bytes=288898,
                what="islet cells of five technologies",
                manual="it is made from data/panc8_small.rda (slot RNA, counts) of https://github.com/cran/bbknnR at "
                "commit 4b692bcc89a6ae14dabf4ea70220cdb3038e4019",
            ),
        ),
        notes=("A small part of five studies; 2,000 genes, and library sizes are sums over these.",),
    )


class RnamixTech(_Archive):
    """636 pseudo-cells: RNA of three cell lines in seven known mixtures, sequenced with CEL-seq2 or SORT-seq.

    Mixtures 7 and 8 of the study are both one third each, and one class here. Counts of the 3,000 most variable of
    13,906 genes; library sizes are sums over all of the source.
    """

    info = DatasetInfo(
        name="rnamix_tech",
        title="RNA mixtures (2 technologies)",
        target="mixture",
        sensitive="technology",
        kind="vector",
        n=636,
        k=7,
        n_groups=2,
        reference="Tian et al., Benchmarking single cell RNA-sequencing analysis pipelines using mixture control "
        "experiments, Nature Methods 16, 2019",
        doi="10.1038/s41592-019-0425-8",
        licence="MIT (the repository that carries them); data of GSE118767",
        files=(
            DataFile(
                path="rnamix_tech/rnamix_tech.npz",
                url="https://github.com/LuyiTian/sc_mixology",
                checksum="sha256:976d88ebfe966415a527e2aeac92ade9b91012030653c466bf8097b4a6dc04f4",
                bytes=1356578,
                what="RNA mixtures of two technologies",
                manual="it is made from data/csv/RNAmix_{celseq2,sortseq}.{count,metadata}.csv.gz of "
                "https://github.com/LuyiTian/sc_mixology at commit 7d00ffb0bd043467f365a9358d7312f294f13c9f",
            ),
        ),
        notes=("Wells with diluted RNA of known mixtures, not cells.",),
    )


class Pbmc2Tech(_Archive):
    """1,242 human blood cells of three types, sequenced with Drop-seq or inDrops.

    Published after normalisation only: the logarithm of counts out of 10,000, 2,000 variable genes.
    """

    info = DatasetInfo(
        name="pbmc2_tech",
        title="PBMC (2 technologies)",
        target="cell type",
        sensitive="technology",
        kind="vector",
        n=1242,
        k=3,
        n_groups=2,
        reference="Ding et al., Systematic comparison of single-cell and single-nucleus RNA-sequencing methods, "
        "Nature Biotechnology 38, 2020",
        doi="10.1038/s41587-020-0465-8",
        licence="GPL-3 (the package scAnnotate that carries them); data of GSE132044",
        files=(
            DataFile(
                path="pbmc2_tech/pbmc2_tech.npz",
                url="https://github.com/cran/scAnnotate",
                checksum="sha256:04c595cc627aa45c3efbef4c0432f19a686b20a73d0ea166524c953a278f5f6f",
                bytes=212950,
                what="blood cells of two technologies",
                manual="it is made from data/pbmc1.rda and data/pbmc2.rda of https://github.com/cran/scAnnotate at "
                "commit df9145d8a8b3a8d6bb263919bd672b9bdd363046",
            ),
        ),
        notes=("Three of the study's cell types and two of its technologies, log-normalised by the publisher.",),
    )


class Cellbench3Tech(_Archive):
    """1,394 cells of three lung-cancer cell lines, sequenced with 10x Chromium, CEL-seq2 or Drop-seq.

    Types are told by genotype. An easy control: clustering hardly follows the technology. Library sizes are sums over
    the 889 genes that were published for all three.
    """

    info = DatasetInfo(
        name="cellbench3_tech",
        title="Cell lines (3 technologies)",
        target="cell line",
        sensitive="technology",
        kind="vector",
        n=1394,
        k=3,
        n_groups=3,
        reference="Tian et al., Benchmarking single cell RNA-sequencing analysis pipelines using mixture control "
        "experiments, Nature Methods 16, 2019",
        doi="10.1038/s41592-019-0425-8",
        licence="MIT (the repositories that carry them); data of GSE118767",
        files=(
            DataFile(
                path="cellbench3_tech/cellbench3_tech.npz",
                url="https://github.com/LuyiTian/sc_mixology",
                checksum="sha256:039c4d19dfe099d0267b6dc22362b42bb6c096cba0bf25499fd42fef33edac42",
                bytes=657524,
                what="cell lines of three technologies",
                manual="it is made from sc_celseq2 and sc_dropseq of https://github.com/LuyiTian/sc_mixology at "
                "commit 7d00ffb0bd043467f365a9358d7312f294f13c9f, and data/cellbench.rda of "
                "https://github.com/PYangLab/Cepo at commit 48144fb8f94c1ea5afaa8c707e9fbefe3ded3d7b",
            ),
        ),
        notes=("889 genes; library sizes are sums over these.",),
    )


class DendriticBatch(_Archive):
    """576 human blood dendritic cells of four types in two batches of one technology.

    Data set 1 of Tran et al. Two types occur in one batch each, so a correct clustering has Balance 0: here accuracy
    and fairness conflict by design. Published after normalisation only.
    """

    info = DatasetInfo(
        name="dendritic_batch",
        title="Dendritic cells (2 batches)",
        target="cell type",
        sensitive="batch",
        kind="vector",
        n=576,
        k=4,
        n_groups=2,
        reference="Villani et al., Single-cell RNA-seq reveals new types of human blood dendritic cells, monocytes, "
        "and progenitors, Science 356, 2017; Tran et al., Genome Biology 21:12, 2020",
        doi="10.1126/science.aah4573; 10.1186/s13059-019-1850-9",
        licence="MIT (the package SCIBER that carries them); data of GSE94820",
        files=(
            DataFile(
                path="dendritic_batch/dendritic_batch.npz",
                url="https://github.com/RavenGan/SCIBER",
                checksum="sha256:4bef4a2c181e7c8c5f9b162001779dd56d537161169f1bc5d649303c5eb774f6",
                bytes=307478,
                what="dendritic cells of two batches",
                manual="it is made from data/HumanDC.rda of https://github.com/RavenGan/SCIBER at commit "
                "372e4117a554031a8b7fc21afe6ae2fb38294d92, labels and batches from sample_sm_uc3.txt.gz of Tran et al.",
            ),
        ),
        notes=("Two of the four types occur in one batch only: the true types have Balance 0.",),
    )
